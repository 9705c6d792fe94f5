/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading packets. */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "types.h"

#define IP_MORE_FRAGMENTS 0x2000
#define IP_FRAGMENT_OFFSET 0x1fff

/* RFC 3168: the two low bits of the TOS octet. */
#define ECN_MASK 3
#define ECN_NOT_ECT 0
#define ECN_ECT_1 1
#define ECN_ECT_0 2
#define ECN_CE 3

/* RFC 9293, as far as its own length: the offset's upper four bits count words. */
struct tcp_header {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgment;
	__u8 offset;
	__u8 flags;
	__be16 window;
	__sum16 checksum;
	__be16 urgent;
};

#define TCP_LEN 20

/* RFC 826, for IPv4 over Ethernet: the sender's two addresses. */
struct arp_ipv4 {
	__u8 types_and_operation[8];
	__u8 sender_mac[ETH_ALEN];
	__be32 sender_address;
} __attribute__((packed));

static __always_inline void *packet_data(const struct __sk_buff *skb)
{
	return (void *)(long)skb->data;
}

static __always_inline void *packet_end(const struct __sk_buff *skb)
{
	return (void *)(long)skb->data_end;
}

/* A pointer to the first `length` bytes, pulled into the linear part if they are elsewhere; NULL: there are fewer. */
static __always_inline void *packet_head(struct __sk_buff *skb, __u32 length)
{
	if (packet_data(skb) + length > packet_end(skb)) {
		if (skb->len < length || bpf_skb_pull_data(skb, length))
			return NULL;
		if (packet_data(skb) + length > packet_end(skb))
			return NULL;
	}
	return packet_data(skb);
}

/* The Ethernet header of a packet that has an IPv4 header behind it; NULL, and why not. */
static __always_inline struct ethhdr *ipv4_frame(struct __sk_buff *skb, enum counter *reason)
{
	*reason = DROP_NOT_IPV4;
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return NULL;
	*reason = DROP_TRUNCATED;
	return packet_head(skb, ETH_LEN + IPV4_LEN);
}

static __always_inline int is_fragment(const struct iphdr *ip)
{
	return ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET);
}

/* Version 4, no options. */
static __always_inline int has_plain_header(const struct iphdr *ip)
{
	return *(const __u8 *)ip == 0x45;
}

/* Whether it can be a single host's (RFC 6890). 240.0.0.0/4 is reserved, and yet networks are made of it. */
static __always_inline int is_unicast(__be32 address)
{
	__u32 first = bpf_ntohl(address) >> 24;

	return first != 0 && first != 127 && (first & 0xf0) != 0xe0 && address != 0xffffffff;
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return *(__u32 *)a == *(__u32 *)b && *(__u16 *)(a + 4) == *(__u16 *)(b + 4);
}

static __always_inline void copy_mac(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(__u32 *)from;
	*(__u16 *)(to + 4) = *(__u16 *)(from + 4);
}

/* Folds a sum of 32-bit words to 16 bits (RFC 1071). */
static __always_inline __u16 fold_sum(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* The ones' complement sum of a 20-byte header, folded: 0xffff where its checksum is right (RFC 1071). */
static __always_inline __u16 header_sum(const struct iphdr *header)
{
	const __u32 *word = (const __u32 *)header;
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < IPV4_LEN / 4; i++)
		sum += word[i];
	return fold_sum(sum);
}

/* RFC 1624: the checksum follows a TTL that is one less. */
static __always_inline void decrement_ttl(struct iphdr *ip)
{
	__u32 sum = ip->check + bpf_htons(0x0100);

	ip->check = sum + (sum >= 0xffff);
	ip->ttl--;
}
