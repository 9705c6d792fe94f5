/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* VXLAN over IPv4 (RFC 7348), as encap.h and judge.h have to know it. */
#pragma once

#include "../include/parse.h"

#define VXLAN_LEN 8

/* RFC 7348, section 5; the kernel's struct vxlanhdr. */
struct vxlan_header {
	__be32 flags;
	__be32 vni;
};

#define VXLAN_HAS_VNI bpf_htonl(0x08000000)

/* draft-smith-vxlan-group-policy: the G bit, and what of the mark lies in the same word (D, A and the group). */
#define VXLAN_HAS_POLICY bpf_htonl(0x80000000)
#define VXLAN_POLICY 0x0048ffff

/*
 * All that stands between the outer Ethernet header and the inner packet. Not packed, though its end is padding: the
 * fields of a packed struct are read and written byte by byte.
 */
struct outer_headers {
	struct iphdr ip;
	struct udphdr udp;
	struct vxlan_header vxlan;
	struct ethhdr inner_eth;
};

/* What a packet on the overlay device lacks. */
#define TUNNEL_OVERHEAD (IPV4_LEN + UDP_LEN + VXLAN_LEN + ETH_LEN)

#define TUNNEL_ROOM (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP | \
		     BPF_F_ADJ_ROOM_ENCAP_L2(ETH_LEN) | BPF_F_ADJ_ROOM_ENCAP_L2_ETH)

/* The first word: with group policy on, a mark goes along (the kernel's vxlan_build_gbp_hdr). */
static __always_inline __be32 vxlan_flags(const struct __sk_buff *skb, const struct settings *settings)
{
	if (!settings->gbp || !skb->mark)
		return VXLAN_HAS_VNI;
	return VXLAN_HAS_VNI | VXLAN_HAS_POLICY | bpf_htonl(skb->mark & VXLAN_POLICY);
}

/* What stands between the UDP header and the inner packet. */
static __always_inline void write_tunnel(const struct __sk_buff *skb, struct outer_headers *outer,
					 const struct settings *settings, const struct peer *peer)
{
	outer->vxlan.flags = vxlan_flags(skb, settings);
	outer->vxlan.vni = settings->vni_word;

	copy_mac(outer->inner_eth.h_dest, peer->mac);
	copy_mac(outer->inner_eth.h_source, settings->device_mac);
	outer->inner_eth.h_proto = bpf_htons(ETH_P_IP);
}
