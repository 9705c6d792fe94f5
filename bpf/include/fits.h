/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

#include "parse.h"

/* Whether a router with this MTU would let the packet through: of a GSO packet, each of its segments. */
static __always_inline int fits(struct __sk_buff *skb, const struct iphdr *ip, __u32 mtu)
{
	const struct tcp_header *tcp = (const void *)(ip + 1);
	__u32 headers = IPV4_LEN + UDP_LEN;

	if (!skb->gso_size)
		return skb->len - ETH_LEN <= mtu;
	if (ip->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > packet_end(skb))
			return 0;
		headers = IPV4_LEN + (tcp->offset >> 4) * 4;
	}
	return skb->gso_size + headers <= mtu;
}
