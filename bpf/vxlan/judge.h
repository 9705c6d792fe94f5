/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a packet of our tunnel must be like to be let in: the same for every program that takes outer headers off. */
#pragma once

#include "../include/peers.h"

/* Plain UDP to our port and address, neither a fragment nor with options: what the kernel's device need not look at. */
static __always_inline int is_plain_tunnel(const struct iphdr *ip, const struct settings *settings)
{
	return ip->protocol == IPPROTO_UDP && ip->daddr == settings->underlay_address && has_plain_header(ip) &&
	       !is_fragment(ip) && ((const struct udphdr *)(ip + 1))->dest == settings->port;
}

static __always_inline int has_known_flags(__be32 flags, const struct settings *settings)
{
	if (settings->gbp)
		flags &= ~(VXLAN_HAS_POLICY | bpf_htonl(VXLAN_POLICY));
	return flags == VXLAN_HAS_VNI;
}

/*
 * Whether the inner packet's addresses are believed: see check_source. Beyond that, nothing may come in that the host's
 * stack could take for its own, or for everybody's: where route_localnet is on, even its loopback answers.
 */
static __always_inline int check_inner(const struct settings *settings, __be32 outer_source, const struct iphdr *inner,
				       __u32 *slot)
{
	int origin = check_source(settings, outer_source, inner->saddr, slot);

	if (origin < 0)
		return origin;
	if (!in_own_subnet(settings, inner->daddr) && !is_unicast(inner->daddr))
		return -1 - DROP_MARTIAN;
	if (origin == ORIGIN_OUTSIDE && (!is_unicast(inner->saddr) || inner->saddr == settings->underlay_address))
		return -1 - DROP_MARTIAN;
	return origin;
}

/* Length fields that contradict each other: a whole packet claims to be longer than what holds it. */
static __always_inline int lengths_agree(__u32 frame, const struct outer_headers *outer, const struct iphdr *inner)
{
	__u32 ip = bpf_ntohs(outer->ip.tot_len);
	__u32 udp = bpf_ntohs(outer->udp.len);

	return ip + ETH_LEN <= frame && udp + IPV4_LEN <= ip &&
	       bpf_ntohs(inner->tot_len) + UDP_LEN + VXLAN_LEN + ETH_LEN <= udp &&
	       bpf_ntohs(inner->tot_len) >= inner->ihl * 4;
}

/*
 * Returns where the packet is from and sets `slot`, or the reason to drop it, negative less one. `frame` is its length,
 * or 0 where GRO has merged it, which keeps the lengths itself.
 */
static __always_inline int judge(const struct settings *settings, const struct outer_headers *outer,
				 const struct iphdr *inner, __u32 frame, __u32 *slot)
{
	if (outer->inner_eth.h_proto != bpf_htons(ETH_P_IP) || inner->version != 4 || inner->ihl < IPV4_LEN / 4)
		return -1 - DROP_NOT_IPV4;
	if (!same_mac(outer->inner_eth.h_dest, settings->device_mac))
		return -1 - DROP_WRONG_MAC;
	if (header_sum(&outer->ip) != 0xffff)
		return -1 - DROP_CHECKSUM;
	/* RFC 6040. The kernel's device would drop it as well, and write into the kernel's log that it did. */
	if ((outer->ip.tos & ECN_MASK) == ECN_CE && !(inner->tos & ECN_MASK))
		return -1 - DROP_CONGESTION;
	if (frame && !lengths_agree(frame, outer, inner))
		return -1 - DROP_LENGTH;
	return check_inner(settings, outer->ip.saddr, inner, slot);
}

/* RFC 6040: congestion that the underlay marked goes into the inner header, checksum and all. */
static __always_inline int must_mark_congestion(const struct outer_headers *outer, const struct iphdr *inner)
{
	return (outer->ip.tos & ECN_MASK) == ECN_CE && (inner->tos & ECN_MASK) != ECN_CE;
}
