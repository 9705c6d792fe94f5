/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A number for each flow. */
#pragma once

#include "parse.h"

/* The first four bytes behind a plain IPv4 header: of TCP and UDP, the two ports. */
static __always_inline __u32 ports_of(struct __sk_buff *skb, const struct iphdr *ip)
{
	const __u32 *ports = (const __u32 *)(ip + 1);

	if (ip->ihl != IPV4_LEN / 4 || is_fragment(ip) || (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP))
		return 0;
	if ((void *)(ports + 1) > packet_end(skb))
		return 0;
	return *ports;
}

/*
 * The hash that the sender's socket or the interface gave the packet, else one of our own: the kernel would dissect
 * all the layers that a packet can have, at the price of a tenth of our own work. The mixing is MurmurHash3's.
 */
static __always_inline __u32 flow_hash(struct __sk_buff *skb, const struct iphdr *ip)
{
	__u32 hash = skb->hash;

	if (hash)
		return hash;
	hash = (ip->saddr ^ ports_of(skb, ip)) * 0x85ebca6b;
	hash ^= hash >> 13;
	hash = (hash ^ ip->daddr) * 0xc2b2ae35;
	return hash ^ hash >> 16;
}
