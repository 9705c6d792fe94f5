/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether the host has NAT-ed a flow: only its own stack can turn the replies back. */
#pragma once

#include <bpf/bpf_core_read.h>

#include "parse.h"

/* <linux/netfilter/nf_conntrack_common.h>: IPS_SRC_NAT | IPS_DST_NAT. */
#define NATTED 0x30

/* The local network namespace, for bpf_skb_ct_lookup. */
#define OWN_NAMESPACE -1

/* The kernel's types as far as they are used (net/netfilter/nf_conntrack_bpf.c); its BTF says where the fields lie. */
struct nf_conn {
	unsigned long status;
} __attribute__((preserve_access_index));

struct bpf_ct_opts {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

struct bpf_ct_opts___present {
	__s32 netns_id;
} __attribute__((preserve_access_index));

/* Since Linux 5.18, where conntrack is built in or its module is loaded. */
extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts *options, __u32 options_size) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *connection) __ksym __weak;

enum tracking {
	TRACKING_NONE,      /* the host does not know the flow, or has not changed it */
	TRACKING_NAT,
	TRACKING_UNTRACKED, /* no ports to look it up by */
};

/*
 * Asks conntrack about a packet as it came in. ICMP is looked at by what it quotes, fragments by what others carry:
 * both are the host's work. Where the kernel has no such look-up, user space lets FastPath serve no host that NATs.
 */
static __always_inline enum tracking look_up_flow(struct __sk_buff *skb, const struct iphdr *ip)
{
#ifdef NO_CONNTRACK
	return TRACKING_NONE;
#endif
	struct bpf_ct_opts options = { .netns_id = OWN_NAMESPACE, .l4proto = ip->protocol };
	struct bpf_sock_tuple tuple = {};
	const __be16 *ports = (const __be16 *)(ip + 1);
	enum tracking tracking = TRACKING_NONE;
	struct nf_conn *connection;

	if (!bpf_core_type_exists(struct bpf_ct_opts___present))
		return TRACKING_UNTRACKED;
	if (is_fragment(ip) || (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP))
		return TRACKING_UNTRACKED;
	if ((void *)(ports + 2) > packet_end(skb))
		return TRACKING_UNTRACKED;
	tuple.ipv4.saddr = ip->saddr;
	tuple.ipv4.daddr = ip->daddr;
	tuple.ipv4.sport = ports[0];
	tuple.ipv4.dport = ports[1];
	connection = bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple.ipv4), &options, sizeof(options));
	if (!connection)
		return TRACKING_NONE;
	if (connection->status & NATTED)
		tracking = TRACKING_NAT;
	bpf_ct_release(connection);
	return tracking;
}
