/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On the underlay's ingress: takes the outer headers off what peers sent and hands the rest to the overlay device, or
 * with FastPath into the endpoint itself. Whatever is not surely a whole packet of our tunnel, or one that a direct peer
 * sends to an endpoint, goes on to the host; if it is one of the tunnel's all the same (a fragment, IP options), the
 * kernel's device decapsulates it and vxlan_check looks at it there.
 */

/* What vxlan_strip has let in and left without its outer headers: the frame is the inner one. */
static __always_inline int receive_stripped(struct __sk_buff *skb, const struct settings *settings,
					    const struct note *note)
{
	const struct endpoint *endpoint;
	struct ethhdr *eth;
	int origin = note->origin;

	count_received(note->slot, wire_packets(skb), skb->len - ETH_LEN);
	if (settings->gbp && note->policy)
		skb->mark = note->policy;
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	endpoint = choose_endpoint(skb, (void *)(eth + 1), settings, origin);
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	if (endpoint)
		return deliver(eth, endpoint);
	copy_mac(eth->h_dest, settings->device_mac);
	return bpf_redirect(settings->device_index, BPF_F_INGRESS);
}

SEC("tc")
int vxlan_receive(struct __sk_buff *skb)
{
	const struct settings *settings = open_settings();
	mac_address peer_mac __attribute__((aligned(4)));
	const struct endpoint *endpoint;
	struct outer_headers *outer;
	__u32 slot = 0, packets, bytes;
	const struct note *note;
	struct iphdr *inner;
	struct ethhdr *eth;
	__be32 policy;
	int origin;

	/* A tag says that it is not for this interface. The host knows which one has the VLAN. */
	if (!settings || skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present)
		return HAND_ON;
	note = find_note(skb);
	if (note)
		return receive_stripped(skb, settings, note);
	eth = packet_head(skb, ETH_LEN + IPV4_LEN + UDP_LEN);
	/* A direct peer's packet may be shorter than a tunnel's: the last piece of another, for one. */
	if (!eth || !is_plain_tunnel((void *)(eth + 1), settings))
		return receive_direct(skb, settings);

	eth = packet_head(skb, ETH_LEN + offsetof(struct outer_headers, inner_eth));
	if (!eth)
		return drop(DROP_TRUNCATED);
	outer = (void *)(eth + 1);
	/* Another device's VNI, or extensions that the kernel may know. */
	if (!has_known_flags(outer->vxlan.flags, settings) || outer->vxlan.vni != settings->vni_word)
		return leave_to_host(OTHER_VNI);
	policy = outer->vxlan.flags;
	eth = packet_head(skb, ETH_LEN + TUNNEL_OVERHEAD + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	outer = (void *)(eth + 1);
	inner = (void *)outer + TUNNEL_OVERHEAD;
	origin = judge(settings, outer, inner, skb->gso_size ? 0 : skb->len, &slot);
	if (origin < 0)
		return drop(-1 - origin);

	if (must_mark_congestion(outer, inner))
		return can_carry_mark(inner) ? leave_to_host(SLOW_RECEIVE_CONGESTION) : drop(DROP_CONGESTION);
	/* The tunnel's GSO type cannot be taken off here, and other protocols are segmented by it. */
	if (skb->gso_size && inner->protocol != IPPROTO_TCP)
		return leave_to_host(SLOW_RECEIVE_GSO);

	endpoint = choose_endpoint(skb, inner, settings, origin);
	packets = wire_packets(skb);
	bytes = bpf_ntohs(inner->tot_len);
	copy_mac(peer_mac, outer->inner_eth.h_source);
	if (bpf_skb_adjust_room(skb, -TUNNEL_OVERHEAD, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return leave_to_host(SLOW_RECEIVE_ROOM);
	/* A checksum that the interface verified was the outer one; one that it verified beyond that stays good. */
	bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC);
	if (settings->gbp && policy & VXLAN_HAS_POLICY)
		skb->mark = bpf_ntohl(policy) & VXLAN_POLICY;
	count_received(slot, packets, bytes);

	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	if (endpoint)
		return deliver(eth, endpoint);
	copy_mac(eth->h_dest, settings->device_mac);
	copy_mac(eth->h_source, peer_mac);
	return bpf_redirect(settings->device_index, BPF_F_INGRESS);
}
