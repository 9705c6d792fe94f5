// SPDX-License-Identifier: Apache-2.0
/*
 * Numbered datagrams with a known content.
 *
 *   udp_datagrams send ADDRESS PORT COUNT BYTES [SEGMENTS]   SEGMENTS > 1: so many in one UDP-GSO packet
 *   udp_datagrams receive PORT COUNT BYTES                   says "listening"; ends after COUNT, or 3 s of silence, with
 *                                                            {"received":N,"intact":N}: intact ones count once each
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define SILENCE_SECONDS 3

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void fill(unsigned char *datagram, int bytes, unsigned number)
{
	unsigned first = htonl(number);

	memcpy(datagram, &first, sizeof(first));
	for (int at = sizeof(first); at < bytes; at++)
		datagram[at] = number * 7 + at;
}

static int send_all(const char *address, int port, int count, int bytes, int segments)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	unsigned char *batch = malloc((size_t)bytes * segments);
	int descriptor = socket(AF_INET, SOCK_DGRAM, 0);

	if (descriptor < 0 || !batch || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		die("socket");
	if (segments > 1 && setsockopt(descriptor, IPPROTO_UDP, UDP_SEGMENT, &bytes, sizeof(bytes)))
		die("UDP_SEGMENT");
	for (int number = 0; number < count;) {
		int filled = 0;

		for (; filled < segments && number < count; filled++, number++)
			fill(batch + (size_t)filled * bytes, bytes, number);
		if (sendto(descriptor, batch, (size_t)filled * bytes, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			die("sendto");
	}
	return 0;
}

static int receive_all(int port, int count, int bytes)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval silence = { .tv_sec = SILENCE_SECONDS };
	unsigned char got[65536], wanted[65536], *seen = calloc(count, 1);
	int descriptor = socket(AF_INET, SOCK_DGRAM, 0), room = 64 << 20;
	int received = 0, intact = 0;

	if (descriptor < 0 || !seen || bind(descriptor, (struct sockaddr *)&here, sizeof(here)))
		die("bind");
	/* Beyond net.core.rmem_max: what is lost must have been lost on the way. */
	if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence)))
		die("setsockopt");
	puts("listening");
	fflush(stdout);
	while (received < count) {
		ssize_t length = recv(descriptor, got, sizeof(got), 0);
		unsigned number;

		if (length < 0)
			break;
		received++;
		memcpy(&number, got, sizeof(number));
		number = ntohl(number);
		if (length != bytes || number >= (unsigned)count || seen[number])
			continue;
		fill(wanted, bytes, number);
		if (memcmp(got, wanted, bytes))
			continue;
		seen[number] = 1;
		intact++;
	}
	printf("{\"received\":%d,\"intact\":%d}\n", received, intact);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 6 && !strcmp(argv[1], "send"))
		return send_all(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), argc > 6 ? atoi(argv[6]) : 1);
	if (argc == 5 && !strcmp(argv[1], "receive"))
		return receive_all(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	fprintf(stderr, "usage: udp_datagrams send|receive …\n");
	return 2;
}
