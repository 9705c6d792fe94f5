/*
 * One small UDP packet there and back at a time, and how long that takes.
 *
 *   udp_ping_pong answer PORT                      until it is ended
 *   udp_ping_pong ask ADDRESS PORT BYTES SECONDS   BYTES is the length of the IP packet; prints JSON
 */
#include "udp.h"

#define MOST_ROUND_TRIPS 4000000

static char payload[LARGEST], answer_payload[LARGEST];
static float microseconds[MOST_ROUND_TRIPS];

static int open_socket(void)
{
	int fd = open_udp();
	struct timeval limit = { .tv_usec = 100000 };
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
		fail("SO_RCVTIMEO");
	return fd;
}

static void answer(int port)
{
	int fd = open_socket();
	struct sockaddr_in from;
	bind_to(fd, port);
	say_ready();
	for (;;) {
		socklen_t size = sizeof from;
		ssize_t n = recvfrom(fd, payload, sizeof payload, 0, (struct sockaddr *)&from, &size);
		if (n > 0 && sendto(fd, payload, n, 0, (struct sockaddr *)&from, size) < 0)
			fail("sendto");
	}
}

static int compare(const void *left, const void *right)
{
	float a = *(const float *)left, b = *(const float *)right;
	return (a > b) - (a < b);
}

static void ask(const char *address, int port, int bytes, double seconds)
{
	int fd = open_socket();
	connect_to(fd, address, port, bytes, 4);

	int size = bytes - HEADERS, count = 0;
	uint32_t number = 0;
	double ended = now() + seconds, sent;
	while ((sent = now()) < ended && count < MOST_ROUND_TRIPS) {
		ssize_t n;
		/* A late answer to an earlier packet is not this one's. */
		memcpy(payload, &number, sizeof number);
		number++;
		if (send(fd, payload, size, 0) < 0 && errno != ECONNREFUSED)
			fail("send");
		do
			n = recv(fd, answer_payload, sizeof answer_payload, 0);
		while (n > 0 && memcmp(payload, answer_payload, size));
		if (n > 0)
			microseconds[count++] = (now() - sent) * 1e6;
	}
	if (!count) {
		fprintf(stderr, "no answer from %s\n", address);
		exit(1);
	}
	qsort(microseconds, count, sizeof *microseconds, compare);
	printf("{\"count\":%d,\"lost\":%d,\"median\":%.3f,\"p99\":%.3f}\n", count, (int)number - count,
	       microseconds[count / 2], microseconds[(int)(count * 0.99)]);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "answer"))
		answer(atoi(argv[2]));
	else if (argc == 6 && !strcmp(argv[1], "ask"))
		ask(argv[2], atoi(argv[3]), atoi(argv[4]), atof(argv[5]));
	else {
		fprintf(stderr, "udp_ping_pong answer PORT | ask ADDRESS PORT BYTES SECONDS\n");
		return 2;
	}
	return 0;
}
