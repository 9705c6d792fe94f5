/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * XDP, on the underlay: takes the outer headers off before the driver has made a packet buffer of the frame, so that
 * GRO merges plain TCP and has no tunnel to look into. A note in the metadata tells vxlan_receive what it is that comes
 * there. Whatever cannot be done here is passed on as it came, and vxlan_receive does it.
 */

SEC("xdp")
int vxlan_strip(struct xdp_md *context)
{
	const struct settings *settings = open_settings();
	void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
	struct outer_headers *outer = data + ETH_LEN;
	struct iphdr *inner = (void *)outer + TUNNEL_OVERHEAD;
	mac_address host_mac __attribute__((aligned(4)));
	struct ethhdr *eth = data;
	struct note *note;
	__u32 slot = 0;
	__be32 policy;
	int origin;

	if (!settings || (void *)(inner + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (!is_plain_tunnel(&outer->ip, settings) || !has_known_flags(outer->vxlan.flags, settings) ||
	    outer->vxlan.vni != settings->vni_word)
		return XDP_PASS;
	origin = judge(settings, outer, inner, end - data, &slot);
	if (origin < 0) {
		count(-1 - origin);
		return XDP_DROP;
	}
	if (must_mark_congestion(outer, inner))
		return XDP_PASS;

	policy = outer->vxlan.flags;
	copy_mac(host_mac, eth->h_dest);
	/* An interface without room for metadata: it is too late after the headers are off. */
	if (bpf_xdp_adjust_meta(context, -(int)sizeof(*note)))
		return XDP_PASS;
	if (bpf_xdp_adjust_head(context, TUNNEL_OVERHEAD))
		return XDP_PASS;
	data = (void *)(long)context->data;
	end = (void *)(long)context->data_end;
	note = (void *)(long)context->data_meta;
	eth = data;
	if ((void *)(eth + 1) > end || (void *)(note + 1) > data)
		return XDP_DROP;
	/* To the host itself, so that the driver does not take it for somebody else's. */
	copy_mac(eth->h_dest, host_mac);
	note->magic = NOTE_MAGIC;
	note->slot = slot;
	note->origin = origin;
	note->policy = policy & VXLAN_HAS_POLICY ? bpf_ntohl(policy) & VXLAN_POLICY : 0;
	return XDP_PASS;
}
