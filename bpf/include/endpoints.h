/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The pods that FastPath serves. */
#pragma once

#include "conntrack.h"
#include "count.h"
#include "parse.h"

/* In jiffies: how long an interface that was there is taken to be there. */
#define ENDPOINT_LIFETIME 1

static __always_inline struct endpoint *find_endpoint(__be32 address)
{
	__u32 place = bpf_ntohl(address) & (ENDPOINT_PLACES - 1);
	struct endpoint *endpoint = bpf_map_lookup_elem(&endpoints, &place);

	/* An empty place has the address 0.0.0.0, which is nobody's. */
	return endpoint && address && endpoint->address == address ? endpoint : NULL;
}

static __always_inline int is_zero_mac(const __u8 *mac)
{
	return *(__u32 *)mac == 0 && *(__u16 *)(mac + 4) == 0;
}

/* An endpoint says with everything it sends which MAC it has. */
static __always_inline void learn_mac(struct endpoint *endpoint, const struct ethhdr *eth)
{
	if (!same_mac(endpoint->mac, eth->h_source))
		copy_mac(endpoint->mac, eth->h_source);
}

/*
 * Whether the endpoint's interface is still there. An address whose interface has vanished is forgotten here and now:
 * its next holder may be one that the host serves, and no process need be there to tell.
 */
static __always_inline int is_there(struct __sk_buff *skb, struct endpoint *endpoint)
{
	__u32 now = bpf_jiffies64(), mtu = 0;

	if (now - endpoint->seen <= ENDPOINT_LIFETIME)
		return 1;
	/* Asked for the interface's sake: it is negative where there is none, and positive for what is too long. */
	if (bpf_check_mtu(skb, endpoint->index, &mtu, 0, 0) < 0) {
		endpoint->address = 0;
		return 0;
	}
	endpoint->seen = now;
	return 1;
}

/* Why a packet as it came in must go through the host's stack, or 0: it need not. Never DROP_CLOSED, which is 0. */
static __always_inline int host_reason(struct __sk_buff *skb, const struct iphdr *ip, const struct settings *settings)
{
	if (!has_plain_header(ip))
		return HOST_OPTIONS;
	if (ip->ttl <= 1)
		return HOST_TTL;
	if (!settings->conntrack)
		return 0;
	switch (look_up_flow(skb, ip)) {
	case TRACKING_NAT:
		return HOST_NAT;
	case TRACKING_UNTRACKED:
		return HOST_UNTRACKED;
	default:
		return 0;
	}
}
