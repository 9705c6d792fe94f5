/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Telling a sender that nobody holds the subnet it sends to: ICMP host unreachable (RFC 792, RFC 1812 5.2.7.1). */
#pragma once

#include "count.h"
#include "parse.h"

/* RFC 792. <linux/icmp.h> would bring the C library's headers along. */
#define ICMP_DEST_UNREACH 3
#define ICMP_HOST_UNREACH 1
#define ICMP_ECHO 8
#define ICMP_TIMESTAMP 13
#define ICMP_LEN 8

struct icmp_header {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 unused;
};

/* Of the offending packet, as much as RFC 792 asks for at least, or its longest header and the same 8 bytes. */
#define SHORT_QUOTE (IPV4_LEN + 8)
#define LONG_QUOTE (60 + 8)
#define NANOSECONDS_BETWEEN_ANSWERS 1000000

struct answer {
	struct iphdr ip;
	struct icmp_header icmp;
	__u8 quote[LONG_QUOTE];
};

/* At most a thousand a second and CPU: an answer costs more than a drop, and must not serve a flood. */
static __always_inline int may_answer(void)
{
	__u32 key = 0;
	__u64 now = bpf_ktime_get_ns();
	__u64 *last = bpf_map_lookup_elem(&last_answer, &key);

	if (!last || now - *last < NANOSECONDS_BETWEEN_ANSWERS)
		return 0;
	*last = now;
	return 1;
}

/* RFC 1122 3.2.2: no ICMP error about an ICMP error, a later fragment, a multicast, or a source that is no single host. */
static __always_inline int deserves_answer(struct __sk_buff *skb, const struct iphdr *ip)
{
	__u32 source = bpf_ntohl(ip->saddr);
	__u8 type;

	if (ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET))
		return 0;
	if (bpf_ntohl(ip->daddr) >= 0xe0000000 || source == 0 || source >= 0xe0000000 || (source >> 24) == 127)
		return 0;
	if (ip->protocol != IPPROTO_ICMP)
		return 1;
	if (bpf_skb_load_bytes(skb, ETH_LEN + ip->ihl * 4, &type, sizeof(type)))
		return 0;
	return type == ICMP_ECHO || type == ICMP_TIMESTAMP;
}

/* Turns the packet into the answer and hands it to the host. The answer's source is the VTEP that is missing. */
static __always_inline int answer_unreachable(struct __sk_buff *skb, const struct settings *settings,
					      struct ethhdr eth, struct iphdr ip)
{
	__u32 quote = skb->len >= ETH_LEN + LONG_QUOTE ? LONG_QUOTE : SHORT_QUOTE;
	struct answer answer = {};
	__u32 length = sizeof(answer.ip) + sizeof(answer.icmp) + quote;
	__s64 sum;

	if (quote == LONG_QUOTE) {
		if (bpf_skb_load_bytes(skb, ETH_LEN, answer.quote, LONG_QUOTE))
			return drop(DROP_NO_PEER);
	} else if (ip.ihl != 5 || bpf_skb_load_bytes(skb, ETH_LEN, answer.quote, SHORT_QUOTE)) {
		return drop(DROP_NO_PEER);
	}

	answer.icmp.type = ICMP_DEST_UNREACH;
	answer.icmp.code = ICMP_HOST_UNREACH;
	/* The rest of a short quote is zero: it adds nothing. */
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&answer.icmp, sizeof(answer.icmp) + LONG_QUOTE, 0);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	answer.icmp.checksum = ~sum;

	answer.ip.version = 4;
	answer.ip.ihl = IPV4_LEN / 4;
	answer.ip.tos = 0xc0; /* internetwork control, RFC 1812 4.3.2.5 */
	answer.ip.tot_len = bpf_htons(length);
	answer.ip.ttl = 64;
	answer.ip.protocol = IPPROTO_ICMP;
	answer.ip.saddr = ip.daddr & bpf_htonl(~0U << settings->subnet_shift);
	answer.ip.daddr = ip.saddr;
	answer.ip.check = ~header_sum(&answer.ip);

	__builtin_memcpy(eth.h_dest, settings->device_mac, ETH_ALEN);
	__builtin_memcpy(eth.h_source, settings->device_mac, ETH_ALEN);

	count(DROP_NO_PEER);
	if (bpf_skb_change_tail(skb, ETH_LEN + length, 0) ||
	    bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0) ||
	    bpf_skb_store_bytes(skb, ETH_LEN, &answer, sizeof(answer.ip) + sizeof(answer.icmp) + SHORT_QUOTE, 0))
		return TC_ACT_SHOT;
	if (quote == LONG_QUOTE &&
	    bpf_skb_store_bytes(skb, ETH_LEN + IPV4_LEN + ICMP_LEN, answer.quote, LONG_QUOTE, 0))
		return TC_ACT_SHOT;
	count(ANSWER_UNREACHABLE);
	return bpf_redirect(settings->device_index, BPF_F_INGRESS);
}

/* What nobody holds the destination of: dropped, and answered if it may be. */
static __always_inline int refuse(struct __sk_buff *skb, const struct settings *settings)
{
	struct ethhdr *eth = packet_head(skb, ETH_LEN + IPV4_LEN);

	if (!eth)
		return drop(DROP_TRUNCATED);
	if (!deserves_answer(skb, (void *)(eth + 1)) || !may_answer())
		return drop(DROP_NO_PEER);
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	return answer_unreachable(skb, settings, *eth, *(struct iphdr *)(eth + 1));
}
