/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What VXLAN's own headers must be like. */
#pragma once

#include "../include/judge.h"

static __always_inline int has_known_flags(__be32 flags, const struct settings *settings)
{
	if (settings->gbp)
		flags &= ~(VXLAN_HAS_POLICY | bpf_htonl(VXLAN_POLICY));
	return flags == VXLAN_HAS_VNI;
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
	if (frame && !lengths_agree(frame, outer, inner))
		return -1 - DROP_LENGTH;
	return check_inner(settings, outer->ip.saddr, inner, slot);
}
