/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On the egress of the overlay device: puts the outer headers on what the host routed there and sends it to the peer's
 * host. What cannot be encapsulated here goes on to the device, which does it the kernel's way.
 */

/* Lets the kernel's device encapsulate: it needs the peer's MAC as destination, and the tunnel's two ends. */
static __always_inline int send_slowly(struct __sk_buff *skb, const struct settings *settings,
				       const struct peer *peer, enum counter reason)
{
	struct bpf_tunnel_key key = {
		.tunnel_id = bpf_ntohl(settings->vni_word) >> 8,
		.remote_ipv4 = bpf_ntohl(peer->address),
		.local_ipv4 = bpf_ntohl(settings->underlay_address),
		.tunnel_ttl = OUTER_TTL,
	};
	mac_address mac;

	__builtin_memcpy(mac, peer->mac, sizeof(mac));
	if (bpf_skb_store_bytes(skb, 0, mac, sizeof(mac), 0) ||
	    bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX))
		return drop(DROP_CLOSED);
	count(reason);
	count_sent(peer->slot, wire_packets(skb), skb->len - ETH_LEN);
	return HAND_ON;
}

SEC("tc")
int vxlan_send(struct __sk_buff *skb)
{
	const struct settings *settings = open_settings();
	struct outer_headers *outer;
	const struct peer *peer;
	__u32 packets, length;
	struct ethhdr *eth;
	struct iphdr *ip;
	__be16 port;
	__u16 id;
	__u8 ecn;

	if (!settings)
		return drop(DROP_CLOSED);
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return drop(DROP_NOT_IPV4);
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	ip = (void *)(eth + 1);

	/* Every peer would drop it; here the host that does it can see it. */
	if (in_network(settings, ip->saddr) && !in_own_subnet(settings, ip->saddr))
		return drop(DROP_FOREIGN_SOURCE);
	peer = find_peer(settings, ip->daddr);
	if (!peer) {
		if (!deserves_answer(skb, ip) || !may_answer())
			return drop(DROP_NO_PEER);
		eth = packet_head(skb, ETH_LEN + IPV4_LEN);
		if (!eth)
			return drop(DROP_TRUNCATED);
		return answer_unreachable(skb, settings, *eth, *(struct iphdr *)(eth + 1));
	}

	length = skb->len + VXLAN_OVERHEAD;
	packets = wire_packets(skb);
	ecn = ip->tos & ECN_MASK;
	if (length - ETH_LEN > 0xffff)
		return send_slowly(skb, settings, peer, SLOW_SEND_SIZE);
	port = source_port(skb);
	if (bpf_skb_adjust_room(skb, VXLAN_OVERHEAD, BPF_ADJ_ROOM_MAC, VXLAN_ROOM))
		return send_slowly(skb, settings, peer, SLOW_SEND_ROOM);

	eth = packet_head(skb, ETH_LEN + VXLAN_OVERHEAD);
	if (!eth)
		return drop(DROP_TRUNCATED);
	outer = (void *)(eth + 1);
	id = packet_id(count_sent(peer->slot, packets, length - ETH_LEN - VXLAN_OVERHEAD));
	write_outer(outer, length, ecn, id, port, settings, peer);
	/* Without a next hop given, the FIB finds the gateway and waits for an unresolved neighbour. */
	return bpf_redirect_neigh(settings->underlay_index, NULL, 0, 0);
}
