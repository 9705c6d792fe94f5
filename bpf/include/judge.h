/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet of our tunnel must be like to be let in: the same for every program that takes outer headers off. The
 * object says before which tunnel it is: see encap.h.
 */
#pragma once

#include "peers.h"

/* Plain UDP to our port and address, neither a fragment nor with options: what the kernel's device need not look at. */
static __always_inline int is_plain_tunnel(const struct iphdr *ip, const struct settings *settings)
{
	return ip->protocol == IPPROTO_UDP && ip->daddr == settings->underlay_address && has_plain_header(ip) &&
	       !is_fragment(ip) && ((const struct udphdr *)(ip + 1))->dest == settings->port;
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
	       bpf_ntohs(inner->tot_len) + TUNNEL_OVERHEAD - IPV4_LEN <= udp &&
	       bpf_ntohs(inner->tot_len) >= inner->ihl * 4;
}

/*
 * Where RFC 6040 (figure 4) has another mark go on than the inner header's: CE, and ECT(1) over ECT(0). It must go into the
 * inner header, checksum and all, which is the kernel's device's work.
 */
static __always_inline int must_mark_congestion(const struct outer_headers *outer, const struct iphdr *inner)
{
	__u8 marked = outer->ip.tos & ECN_MASK, ecn = inner->tos & ECN_MASK;

	return marked == ECN_CE ? ecn != ECN_CE : marked == ECN_ECT_1 && ecn == ECN_ECT_0;
}

/* What the sender does not understand must be lost instead; the kernel's device would do so, and log it. */
static __always_inline int can_carry_mark(const struct iphdr *inner)
{
	return (inner->tos & ECN_MASK) != ECN_NOT_ECT;
}
