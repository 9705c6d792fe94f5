/*
 * As many small UDP packets as one core can send, and how many of them arrive.
 *
 *   udp_flood receive PORT SECONDS            counts for so long after the first packet; prints JSON
 *   udp_flood send ADDRESS PORT BYTES SECONDS BYTES is the length of the IP packet; prints JSON
 */
#include "udp.h"

#define BATCH 64
#define FIRST_PACKET_LIMIT_SECONDS 10

static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static char payloads[BATCH][LARGEST];

static int open_socket(void)
{
	int fd = open_udp();
	int bytes = 64 << 20;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
		fail("SO_RCVBUFFORCE");
	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ payloads[i], LARGEST };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	return fd;
}

static void report(uint64_t packets, double seconds)
{
	printf("{\"packets\":%llu,\"seconds\":%.6f}\n", (unsigned long long)packets, seconds);
}

static void receive(int port, double seconds)
{
	int fd = open_socket();
	bind_to(fd, port);
	struct timeval wake_up = { .tv_usec = 50000 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wake_up, sizeof wake_up);
	say_ready();

	uint64_t packets = 0;
	double opened = now(), first = 0, last = 0;
	for (;;) {
		int n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		double t = now();
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			fail("recvmmsg");
		if (n > 0) {
			if (!first)
				first = t;
			last = t;
			packets += n;
		}
		if (first ? t > first + seconds : t > opened + FIRST_PACKET_LIMIT_SECONDS)
			break;
	}
	report(packets, last - first);
}

static void flood(const char *address, int port, int bytes, double seconds)
{
	int fd = open_socket();
	connect_to(fd, address, port, bytes, 1);
	for (int i = 0; i < BATCH; i++)
		vectors[i].iov_len = bytes - HEADERS;

	uint64_t packets = 0;
	double started = now(), t = started;
	for (; t < started + seconds; t = now()) {
		int n = sendmmsg(fd, messages, BATCH, 0);
		if (n > 0)
			packets += n;
		/* Refused: the receiver has seen enough, and ended before us. */
		else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
			fail("sendmmsg");
	}
	report(packets, t - started);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "receive"))
		receive(atoi(argv[2]), atof(argv[3]));
	else if (argc == 6 && !strcmp(argv[1], "send"))
		flood(argv[2], atoi(argv[3]), atoi(argv[4]), atof(argv[5]));
	else {
		fprintf(stderr, "udp_flood receive PORT SECONDS | send ADDRESS PORT BYTES SECONDS\n");
		return 2;
	}
	return 0;
}
