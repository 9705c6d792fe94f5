// SPDX-License-Identifier: Apache-2.0
/*
 *   frames DEVICE   says "listening", then each IPv4 frame that comes in, as a line of hexadecimal digits (packet(7))
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static unsigned char frame[65536 + 64];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_device(const char *name)
{
	struct sockaddr_ll device = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name) };
	int descriptor = socket(AF_PACKET, SOCK_RAW, 0), room = 64 << 20;

	device.sll_protocol = htons(ETH_P_IP);
	if (descriptor < 0 || !device.sll_ifindex)
		die(name);
	/* Beyond net.core.rmem_max: what is not seen must not have come. */
	if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		die("setsockopt");
	if (bind(descriptor, (struct sockaddr *)&device, sizeof(device)))
		die("bind");
	return descriptor;
}

static void capture(int descriptor)
{
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t length = recvfrom(descriptor, frame, sizeof(frame), 0, (struct sockaddr *)&from, &size);

		if (length < 0)
			die("recv");
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		for (ssize_t at = 0; at < length; at++)
			printf("%02x", frame[at]);
		putchar('\n');
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return fprintf(stderr, "usage: frames DEVICE\n"), 2;
	capture(open_device(argv[1]));
}
