/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writing the outer headers of a tunnel over IPv4 and UDP. The object says before which tunnel it is: `struct
 * outer_headers`, which begins with `ip` and `udp`, TUNNEL_OVERHEAD, TUNNEL_ROOM, and write_tunnel for what is behind UDP.
 */
#pragma once

#include "hash.h"
#include "path.h"

#define OUTER_TTL 64

/* The kernel's default net.ipv4.ip_local_port_range, from which its own tunnels take their source ports. */
#define SOURCE_PORT_FIRST 32768
#define SOURCE_PORT_COUNT 28232

/* Every flow its own port, so that the underlay's ECMP and RSS spread them (RFC 7348, section 5). */
static __always_inline __be16 source_port(__u32 hash)
{
	hash ^= hash << 16;
	return bpf_htons(SOURCE_PORT_FIRST + (__u16)(((__u64)hash * SOURCE_PORT_COUNT) >> 32));
}

/*
 * Fragments of one sender are told apart by the id (RFC 6864). It counts the packets to the peer, segments of a GSO packet
 * too, which number themselves on from it; CPUs count apart, so each begins a quarter of the numbers further on.
 */
static __always_inline __u16 packet_id(__u64 sent_before)
{
	return (__u16)sent_before + (__u16)(bpf_get_smp_processor_id() << 14);
}

/*
 * Fills the room between the packet's Ethernet header, which becomes the outer one, and its IP header.
 * DF is clear, as with the kernel's device: a path with a smaller MTU fragments the outer packet. `ecn` is the
 * inner header's (RFC 6040, normal mode), `id` the outer packet's.
 */
static __always_inline void write_outer(struct outer_headers *outer, __u32 length, __u8 ecn, __u16 id, __be16 port,
					const struct settings *settings, const struct peer *peer)
{
	__be32 *word = (__be32 *)&outer->ip;
	__be32 version_to_length = bpf_htonl(0x45000000 | (__u32)ecn << 16 | (length - ETH_LEN));
	__be32 id_and_fragment = bpf_htonl((__u32)id << 16);
	__be32 ttl_and_protocol = bpf_htonl(OUTER_TTL << 24 | IPPROTO_UDP << 16);
	__be32 source = settings->underlay_address;
	__be32 destination = peer->address;
	__u16 sum = fold_sum((__u64)version_to_length + id_and_fragment + ttl_and_protocol + source + destination);

	/* Word by word: summing a header up again that was just written in bytes would wait for each of them. */
	word[0] = version_to_length;
	word[1] = id_and_fragment;
	word[2] = ttl_and_protocol;
	outer->ip.check = ~sum;
	word[3] = source;
	word[4] = destination;

	outer->udp.source = port;
	outer->udp.dest = settings->port;
	outer->udp.len = bpf_htons(length - ETH_LEN - IPV4_LEN);
	outer->udp.check = 0;
}

/*
 * Puts the outer headers on and sends the packet to the peer's host, `hops` less of life left. Returns the verdict, or
 * why it cannot, negative less one; then the packet is as it was. `room` is how it is made: TUNNEL_ROOM.
 */
static __always_inline int encapsulate(struct __sk_buff *skb, const struct iphdr *ip, const struct settings *settings,
				       const struct peer *peer, int hops, __u64 room)
{
	struct traffic *traffic = traffic_of(peer->slot);
	__u32 length = skb->len + TUNNEL_OVERHEAD, packets = wire_packets(skb);
	__be16 port = source_port(flow_hash(skb, ip));
	__u8 ecn = ip->tos & ECN_MASK;
	struct outer_headers *outer;
	struct ethhdr *eth;
	__u16 id;

	if (length - ETH_LEN > 0xffff)
		return -1 - SLOW_SEND_SIZE;
	if (!traffic || bpf_skb_adjust_room(skb, TUNNEL_OVERHEAD, BPF_ADJ_ROOM_MAC, room))
		return -1 - SLOW_SEND_ROOM;

	eth = packet_head(skb, ETH_LEN + TUNNEL_OVERHEAD + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	outer = (void *)(eth + 1);
	if (hops)
		decrement_ttl((void *)outer + TUNNEL_OVERHEAD);
	id = packet_id(count_sent(traffic, packets, length - ETH_LEN - TUNNEL_OVERHEAD));
	write_outer(outer, length, ecn, id, port, settings, peer);
	write_tunnel(skb, outer, settings, peer);
	return send_on_path(skb, eth, traffic, settings, peer);
}
