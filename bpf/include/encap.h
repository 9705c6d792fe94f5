/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writing and removing the outer headers of VXLAN over IPv4 (RFC 7348). */
#pragma once

#include "parse.h"

/* Outer IP, UDP, VXLAN and the inner Ethernet header: what a packet on the overlay device lacks. */
#define VXLAN_OVERHEAD (IPV4_LEN + UDP_LEN + VXLAN_LEN + ETH_LEN)

#define VXLAN_ROOM (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP | \
		    BPF_F_ADJ_ROOM_ENCAP_L2(ETH_LEN) | BPF_F_ADJ_ROOM_ENCAP_L2_ETH)

#define OUTER_TTL 64

/* The kernel's default net.ipv4.ip_local_port_range, from which its own tunnels take their source ports. */
#define SOURCE_PORT_FIRST 32768
#define SOURCE_PORT_COUNT 28232

/* Every flow its own port, so that the underlay's ECMP and RSS spread them (RFC 7348, section 5). */
static __always_inline __be16 source_port(struct __sk_buff *skb)
{
	__u32 hash = bpf_get_hash_recalc(skb);

	hash ^= hash << 16;
	return bpf_htons(SOURCE_PORT_FIRST + (__u16)(((__u64)hash * SOURCE_PORT_COUNT) >> 32));
}

/*
 * Fills the room between the packet's Ethernet header, which becomes the outer one, and its IP header.
 * DF is clear, as with the kernel's device: a path with a smaller MTU fragments the outer packet. `ecn` is the
 * inner header's (RFC 6040, normal mode).
 */
static __always_inline void write_outer(struct outer_headers *outer, __u32 length, __u8 ecn, __be16 port,
					const struct settings *settings, const struct peer *peer)
{
	outer->ip.version = 4;
	outer->ip.ihl = IPV4_LEN / 4;
	outer->ip.tos = ecn;
	outer->ip.tot_len = bpf_htons(length - ETH_LEN);
	outer->ip.id = (__u16)bpf_get_prandom_u32();
	outer->ip.frag_off = 0;
	outer->ip.ttl = OUTER_TTL;
	outer->ip.protocol = IPPROTO_UDP;
	outer->ip.check = 0;
	outer->ip.saddr = settings->underlay_address;
	outer->ip.daddr = peer->address;
	outer->ip.check = ~header_sum(&outer->ip);

	outer->udp.source = port;
	outer->udp.dest = settings->port;
	outer->udp.len = bpf_htons(length - ETH_LEN - IPV4_LEN);
	outer->udp.check = 0;

	outer->vxlan.flags = VXLAN_HAS_VNI;
	outer->vxlan.vni = settings->vni_word;

	__builtin_memcpy(outer->inner_eth.h_dest, peer->mac, ETH_ALEN);
	__builtin_memcpy(outer->inner_eth.h_source, settings->device_mac, ETH_ALEN);
	outer->inner_eth.h_proto = bpf_htons(ETH_P_IP);
}
