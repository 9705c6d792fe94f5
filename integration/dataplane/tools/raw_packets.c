// SPDX-License-Identifier: Apache-2.0
/*
 * Sends each line of standard input, hexadecimal digits, as one IPv4 packet, routed by its destination. The kernel sets
 * total length and header checksum (raw(7)).
 */
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(void)
{
	int descriptor = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	static char line[2 * 65536];

	if (descriptor < 0) {
		perror("socket");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		struct sockaddr_in to = { .sin_family = AF_INET };
		unsigned char packet[65536];
		size_t length = 0;
		unsigned octet;

		while (sscanf(line + 2 * length, "%2x", &octet) == 1)
			packet[length++] = octet;
		if (length < sizeof(struct iphdr))
			continue;
		memcpy(&to.sin_addr, packet + 16, sizeof(to.sin_addr));
		if (sendto(descriptor, packet, length, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			perror("sendto");
			return 1;
		}
	}
	return 0;
}
