/* IPv4 packets, as a host that relays them must look at them. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <string.h>

/* Bytes behind its header that an error quotes of a packet (RFC 792). */
#define QUOTED 8

static int is_ipv4(const char *packet, int length)
{
	const struct iphdr *ip = (const struct iphdr *)packet;

	return length >= (int)sizeof(*ip) && ip->version == 4 && ip->ihl >= 5 && ip->ihl * 4 <= length;
}

static uint16_t checksum(const void *data, int bytes)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (int i = 0; i < bytes / 2; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The word that holds the TTL falls by 0x100, so the checksum rises by as much (RFC 1624). */
static int decrement_ttl(struct iphdr *ip)
{
	uint32_t sum;

	if (ip->ttl <= 1)
		return 0;
	ip->ttl--;
	sum = ntohs(ip->check) + 0x100;
	ip->check = htons(sum + (sum >> 16));
	return 1;
}

struct unreachable {
	struct iphdr ip;
	struct icmphdr icmp;
	char quote[60 + QUOTED];
};

/* The answer to a packet whose destination nobody has; its length, or 0: it must have none. */
static int make_unreachable(struct unreachable *answer, const char *packet, int length)
{
	const struct iphdr *ip = (const struct iphdr *)packet;
	int quoted = ip->ihl * 4 + QUOTED;

	/* Never about an error or a later fragment (RFC 1122). */
	if (ip->frag_off & htons(IP_OFFMASK))
		return 0;
	if (ip->protocol == IPPROTO_ICMP && (length <= ip->ihl * 4 || packet[ip->ihl * 4] != ICMP_ECHO))
		return 0;
	if (quoted > length)
		quoted = length;
	memset(answer, 0, sizeof(*answer));
	memcpy(answer->quote, packet, quoted);
	/* The host takes nothing that comes in with an address of its own. */
	answer->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ICMP,
				     .saddr = ip->daddr, .daddr = ip->saddr };
	answer->ip.tot_len = htons(sizeof(answer->ip) + sizeof(answer->icmp) + quoted);
	answer->ip.check = checksum(&answer->ip, sizeof(answer->ip));
	answer->icmp.type = ICMP_DEST_UNREACH;
	answer->icmp.code = ICMP_NET_UNREACH;
	answer->icmp.checksum = checksum(&answer->icmp, sizeof(answer->icmp) + ((quoted + 1) & ~1));
	return ntohs(answer->ip.tot_len);
}
