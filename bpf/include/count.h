/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting, and the verdicts that go with it. The benchmark builds the programs without some of their duties, to tell
 * what each costs: NO_COUNTERS, NO_SOURCE_CHECK, NO_CONNTRACK.
 */
#pragma once

#include <linux/pkt_cls.h>

#include "maps.h"

/* TC_ACT_OK would hide the filters behind ours. */
#define HAND_ON TC_ACT_UNSPEC

/* Not inlined: nothing on the fast way calls it, and its parameter carries the names of the counters into the BTF. */
static __noinline void count(enum counter which)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	if (value)
		(*value)++;
}

static __always_inline int drop(enum counter reason)
{
	count(reason);
	return TC_ACT_SHOT;
}

/* FastPath's way out: the host does what it always did. */
static __always_inline int leave_to_host(enum counter reason)
{
	count(reason);
	return HAND_ON;
}

static __always_inline __u32 wire_packets(const struct __sk_buff *skb)
{
	return skb->gso_segs ?: 1;
}

static __always_inline struct traffic *traffic_of(__u32 slot)
{
	return bpf_map_lookup_elem(&peer_counters, &slot);
}

/* Returns how many packets this CPU had sent there before. */
static __always_inline __u64 count_sent(struct traffic *traffic, __u32 packets, __u32 bytes)
{
	__u64 before = traffic->sent_packets;

#ifndef NO_COUNTERS
	traffic->sent_packets = before + packets;
	traffic->sent_bytes += bytes;
#endif
	return before;
}

static __always_inline void count_received(__u32 slot, __u32 packets, __u32 bytes)
{
#ifndef NO_COUNTERS
	struct traffic *traffic = traffic_of(slot);

	if (traffic) {
		traffic->received_packets += packets;
		traffic->received_bytes += bytes;
	}
#endif
}
