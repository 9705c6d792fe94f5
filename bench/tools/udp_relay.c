/*
 * What flanneld's udp backend does with packets, and nothing else of it: a TUN on one side, one UDP socket on the other,
 * a datagram for each IPv4 packet with nothing before it. The plain other end of tests, and what the bench measures
 * against.
 *
 *   udp_relay DEVICE ADDRESS PORT MTU [SUBNET=ADDRESS ...]     10.5.2.0/24=192.168.77.11, the longest prefix wins
 *
 * Makes the TUN and gives it neither address nor routes; says "ready" when it relays; ends on SIGTERM or SIGINT, and the
 * TUN with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipv4.h"

#define LARGEST 65535

struct peer {
	uint32_t subnet, mask;
	struct sockaddr_in address;
};

static struct peer *peers;
static int peer_count, tun, udp, mtu;
static const char *device;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void refuse(const char *what, const char *value)
{
	fprintf(stderr, "%s: %s\n", value, what);
	exit(2);
}

static void end(int signal)
{
	(void)signal;
	_exit(0);
}

static struct in_addr read_address(const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		refuse("no IPv4 address", text);
	return address;
}

static int read_number(const char *text, int least, int most)
{
	char *rest;
	long number = strtol(text, &rest, 10);

	if (*rest || number < least || number > most)
		refuse("no number that can be", text);
	return number;
}

static int by_length(const void *left, const void *right)
{
	uint32_t a = ntohl(((const struct peer *)left)->mask), b = ntohl(((const struct peer *)right)->mask);

	return (a < b) - (a > b);
}

static void read_peers(char **words, int count, int port)
{
	peers = calloc(count + 1, sizeof(*peers));
	if (!peers)
		fail("calloc");
	peer_count = count;
	for (int i = 0; i < count; i++) {
		char *slash = strchr(words[i], '/'), *equals = slash ? strchr(slash, '=') : NULL;
		int length;

		if (!equals)
			refuse("must be SUBNET=ADDRESS", words[i]);
		*slash = *equals = 0;
		length = read_number(slash + 1, 0, 32);
		peers[i].mask = length ? htonl(~0u << (32 - length)) : 0;
		peers[i].subnet = read_address(words[i]).s_addr & peers[i].mask;
		peers[i].address = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = read_address(equals + 1)
		};
	}
	qsort(peers, count, sizeof(*peers), by_length);
}

static void open_tun(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	if (strlen(device) >= sizeof(request.ifr_name))
		refuse("too long for a device's name", device);
	strcpy(request.ifr_name, device);
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun < 0)
		fail("/dev/net/tun");
	if (ioctl(tun, TUNSETIFF, &request) < 0)
		fail(device);
}

static void open_udp(const char *address, int port)
{
	struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = read_address(address)
	};

	udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (udp < 0)
		fail("socket");
	if (bind(udp, (struct sockaddr *)&here, sizeof(here)) < 0)
		fail(address);
}

static const struct peer *peer_of(uint32_t destination)
{
	for (int i = 0; i < peer_count; i++)
		if ((destination & peers[i].mask) == peers[i].subnet)
			return &peers[i];
	return NULL;
}

static void answer_unreachable(const char *packet, int length)
{
	struct unreachable answer;
	int bytes = make_unreachable(&answer, packet, length);

	if (bytes > 0 && write(tun, &answer, bytes) < 0)
		perror("write");
}

static int from_tun(char *packet)
{
	ssize_t length = read(tun, packet, mtu);
	const struct peer *peer;

	if (length < 0)
		return 0;
	if (!is_ipv4(packet, length))
		return 1;
	peer = peer_of(((struct iphdr *)packet)->daddr);
	if (!peer)
		answer_unreachable(packet, length);
	else if (decrement_ttl((struct iphdr *)packet))
		/* What the socket has no room for is lost, as on any wire. */
		sendto(udp, packet, length, 0, (struct sockaddr *)&peer->address, sizeof(peer->address));
	return 1;
}

static int from_udp(char *packet)
{
	ssize_t length = recv(udp, packet, mtu, 0);

	if (length < 0)
		return errno == ECONNREFUSED;
	if (is_ipv4(packet, length) && decrement_ttl((struct iphdr *)packet) && write(tun, packet, length) < 0 &&
	    errno != EIO && errno != EINVAL)
		perror("write");
	return 1;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	struct pollfd sides[2];
	char *packet;
	int port;

	if (argc < 5) {
		fprintf(stderr, "udp_relay DEVICE ADDRESS PORT MTU [SUBNET=ADDRESS ...]\n");
		return 2;
	}
	device = argv[1];
	port = read_number(argv[3], 1, 65535);
	mtu = read_number(argv[4], 68, LARGEST);
	read_peers(argv + 5, argc - 5, port);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	open_udp(argv[2], port);
	open_tun();
	packet = malloc(mtu);
	if (!packet)
		fail("malloc");
	puts("ready");
	fflush(stdout);
	sides[0] = (struct pollfd){ .fd = tun, .events = POLLIN };
	sides[1] = (struct pollfd){ .fd = udp, .events = POLLIN };
	for (;;) {
		if (poll(sides, 2, -1) < 0 && errno != EINTR)
			fail("poll");
		while (from_tun(packet) + from_udp(packet))
			;
	}
}
