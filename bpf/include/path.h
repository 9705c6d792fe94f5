/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way from here to a peer's host. Asking the FIB and the neighbour table for every packet costs a tenth of the
 * packet rate, so what they said is good for a moment. The first packet of each moment goes the way of the neighbour
 * table itself, which so keeps its entry fresh, resolves it, and queues while it cannot.
 */
#pragma once

#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

#include "count.h"
#include "parse.h"
#include "peers.h"

/* In jiffies: 1 to 10 ms. A route or a MAC that changed is noticed as soon. */
#define PATH_LIFETIME 1

#define AF_INET 2

/* Whether the outer Ethernet header could be written: else the neighbour table is asked. */
static __always_inline int follow_path(struct ethhdr *eth, const struct traffic *traffic, const struct peer *peer,
				       __u32 now)
{
	/* Not by its sign: what is half a round of jiffies old would be good again. */
	if (traffic->path_until - now > PATH_LIFETIME || traffic->path_address != peer->address)
		return 0;
	copy_mac(eth->h_dest, traffic->path_destination);
	copy_mac(eth->h_source, traffic->path_source);
	return 1;
}

/*
 * What FIB and neighbour table say now; nothing where the neighbour is not resolved, or the way is another interface, or
 * a gateway stands before a direct peer.
 */
static __always_inline void learn_path(struct __sk_buff *skb, struct traffic *traffic, const struct settings *settings,
				       const struct peer *peer, __u32 now)
{
	__be32 address = peer->address;
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.l4_protocol = IPPROTO_UDP,
		.ifindex = settings->underlay_index,
		.ipv4_src = settings->underlay_address,
		.ipv4_dst = address,
	};

	if (bpf_fib_lookup(skb, &fib, sizeof(fib), BPF_FIB_LOOKUP_OUTPUT) != BPF_FIB_LKUP_RET_SUCCESS ||
	    fib.ifindex != settings->underlay_index)
		return;
	/* Where there is a gateway, it has taken the destination's place. */
	if (peer->flags & PEER_DIRECT && fib.ipv4_dst != address)
		return;
	traffic->path_address = 0;
	__builtin_memcpy(traffic->path_destination, fib.dmac, ETH_ALEN);
	__builtin_memcpy(traffic->path_source, fib.smac, ETH_ALEN);
	traffic->path_until = now + PATH_LIFETIME;
	traffic->path_address = address;
}

/* The packet is as it travels on the underlay, but for the Ethernet header's addresses; `eth` is that header. */
static __always_inline int send_on_path(struct __sk_buff *skb, struct ethhdr *eth, struct traffic *traffic,
					const struct settings *settings, const struct peer *peer)
{
	__u32 now = bpf_jiffies64();

	if (follow_path(eth, traffic, peer, now))
		return bpf_redirect(settings->underlay_index, 0);
	learn_path(skb, traffic, settings, peer, now);
	/* Without a next hop given, the FIB finds it by the packet, and waits for an unresolved neighbour. */
	return bpf_redirect_neigh(settings->underlay_index, NULL, 0, 0);
}
