/* What the tools that send and receive small UDP packets have in common. */
#pragma once

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define HEADERS (20 + 8)
#define LARGEST 1500

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

static inline double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static inline int open_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		fail("socket");
	return fd;
}

/* Binds to the port on every address. */
static inline void bind_to(int fd, int port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
		fail("bind");
}

/* Whoever waits for that on stderr may send. */
static inline void say_ready(void)
{
	fprintf(stderr, "ready\n");
}

/* `bytes` is the length of an IP packet, `least` of what it must carry. */
static inline void connect_to(int fd, const char *address, int port, int bytes, int least)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	if (bytes < HEADERS + least || bytes > LARGEST || inet_pton(AF_INET, address, &to.sin_addr) != 1) {
		fprintf(stderr, "%s, %d bytes: an IPv4 address and from %d to %d bytes are needed\n", address, bytes,
			HEADERS + least, LARGEST);
		exit(2);
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		fail("connect");
}
