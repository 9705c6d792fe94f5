/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Taking the outer headers off what is plainly of our tunnel, and handing the inner packet on. */
#pragma once

/* RFC 6040, figure 4, where the packet can carry the mark; RFC 1624 for the checksum. */
static __always_inline void mark_congestion(struct iphdr *inner, __u8 ecn)
{
	__u8 tos = (inner->tos & ~ECN_MASK) | ecn;
	__u32 sum = (__u16)~inner->check + (__u16)~bpf_htons(inner->tos) + bpf_htons(tos);

	sum = (sum & 0xffff) + (sum >> 16);
	inner->check = ~((sum & 0xffff) + (sum >> 16));
	inner->tos = tos;
}

/* Whether GRO left the packet as one that was sent as one. Else it has merged datagrams, each with a packet in it. */
static __always_inline int is_one_packet(const struct __sk_buff *skb, const struct outer_headers *outer,
					 const struct iphdr *inner)
{
	__u32 length = bpf_ntohs(outer->ip.tot_len);

	return inner->protocol == IPPROTO_TCP && length + ETH_LEN == skb->len &&
	       bpf_ntohs(outer->udp.len) + IPV4_LEN == length && bpf_ntohs(inner->tot_len) + TUNNEL_OVERHEAD == length;
}

static __always_inline int judge(const struct __sk_buff *skb, const struct settings *settings,
				 const struct outer_headers *outer, const struct iphdr *inner, __u32 *slot)
{
	if (inner->version != 4 || inner->ihl < IPV4_LEN / 4)
		return -1 - DROP_NOT_IPV4;
	if (header_sum(&outer->ip) != 0xffff)
		return -1 - DROP_CHECKSUM;
	if (!skb->gso_size && !lengths_agree(skb->len, outer, inner))
		return -1 - DROP_LENGTH;
	return check_inner(settings, outer->ip.saddr, inner, slot);
}

/* Less goes away below the outer UDP header than this, and the kernel would still look for its checksum there. */
#define LEAST_CUT 8

/*
 * Takes the headers off. Where a socket in the same machine has sent them, the outer UDP checksum may be one that is yet
 * to be filled in, and the kernel remembers where: it forgets when that place is cut off. So a little more is, and put
 * back.
 */
static __always_inline int take_off(struct __sk_buff *skb, const struct iphdr *inner, __sum16 checksum)
{
	__u32 first = ((const __u32 *)inner)[0], second = ((const __u32 *)inner)[1];
	struct ethhdr *eth;
	__u32 *start;

	if (!checksum || skb->gso_size ||
	    bpf_skb_adjust_room(skb, -(TUNNEL_OVERHEAD + LEAST_CUT), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return bpf_skb_adjust_room(skb, -TUNNEL_OVERHEAD, BPF_ADJ_ROOM_MAC,
					   BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET);
	if (bpf_skb_adjust_room(skb, LEAST_CUT, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return -1;
	eth = packet_head(skb, ETH_LEN + LEAST_CUT);
	if (!eth)
		return -1;
	start = (void *)(eth + 1);
	start[0] = first;
	start[1] = second;
	return 0;
}

/* Into the near end of the pair: of what is single, its NAPI has GRO merge what belongs together. */
static __always_inline int hand_in(struct __sk_buff *skb, const struct settings *settings, int is_tcp)
{
	if (!is_tcp || skb->gso_size || skb->len > settings->mtu + ETH_LEN)
		return bpf_redirect(settings->device_index, BPF_F_INGRESS);
	return bpf_redirect(settings->far_index, 0);
}

/* What receive() has sent into the pair's near end to have it cut. */
static __noinline int is_to_be_cut(struct __sk_buff *skb, const struct settings *settings)
{
	struct ethhdr *eth = packet_head(skb, ETH_LEN + IPV4_LEN + UDP_LEN);

	return eth && is_plain_tunnel((void *)(eth + 1), settings);
}

/* The packet is one that is_plain_tunnel. */
static __always_inline int receive(struct __sk_buff *skb, const struct settings *settings)
{
	const struct endpoint *endpoint = NULL;
	__u32 slot = 0, packets, bytes;
	struct outer_headers *outer;
	struct iphdr *inner;
	struct ethhdr *eth;
	int origin, is_tcp;

	eth = packet_head(skb, ETH_LEN + TUNNEL_OVERHEAD + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	outer = (void *)(eth + 1);
	inner = (void *)outer + TUNNEL_OVERHEAD;
	/* The pair's near end cuts it, and udp_resend has the pieces. */
	if (skb->gso_size && !is_one_packet(skb, outer, inner)) {
		count(SLOW_RECEIVE_GSO);
		return bpf_redirect(settings->device_index, 0);
	}
	origin = judge(skb, settings, outer, inner, &slot);
	if (origin < 0)
		return drop(-1 - origin);
	if (must_mark_congestion(outer, inner)) {
		if (!can_carry_mark(inner))
			return drop(DROP_CONGESTION);
		mark_congestion(inner, outer->ip.tos & ECN_MASK);
	}
	learn_kind(settings, inner->saddr, outer->udp.check);

	is_tcp = inner->protocol == IPPROTO_TCP;
	/* Others are handed on merged: see udp_deliver. */
	if (!is_tcp || skb->gso_size)
		endpoint = choose_endpoint(skb, inner, settings, origin);
	packets = wire_packets(skb);
	bytes = bpf_ntohs(inner->tot_len);
	if (take_off(skb, inner, outer->udp.check))
		return drop(DROP_ROOM);
	/* A checksum that the interface verified was the outer one; one that it verified beyond that stays good. */
	bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC);
	count_received(slot, packets, bytes);

	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	if (endpoint)
		return deliver(eth, endpoint);
	copy_mac(eth->h_dest, settings->device_mac);
	copy_mac(eth->h_source, settings->device_mac);
	return hand_in(skb, settings, is_tcp);
}
