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
	struct traffic *traffic = traffic_of(peer->slot);
	__u32 policy = skb->mark & VXLAN_POLICY;
	mac_address mac;

	__builtin_memcpy(mac, peer->mac, sizeof(mac));
	if (bpf_skb_store_bytes(skb, 0, mac, sizeof(mac), 0) ||
	    bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX))
		return drop(DROP_CLOSED);
	if (settings->gbp && policy && bpf_skb_set_tunnel_opt(skb, &policy, sizeof(policy)))
		return drop(DROP_CLOSED);
	count(reason);
	if (traffic)
		count_sent(traffic, wire_packets(skb), skb->len - ETH_LEN);
	return HAND_ON;
}

SEC("tc")
int vxlan_send(struct __sk_buff *skb)
{
	const struct settings *settings = open_settings();
	const struct peer *peer;
	enum counter reason;
	struct ethhdr *eth;
	struct iphdr *ip;
	int verdict;

	if (!settings)
		return drop(DROP_CLOSED);
	eth = ipv4_frame(skb, &reason);
	if (!eth)
		return drop(reason);
	ip = (void *)(eth + 1);

	/* Every peer would drop it; here the host that does it can see it. */
	if (in_network(settings, ip->saddr) && !in_own_subnet(settings, ip->saddr))
		return drop(DROP_FOREIGN_SOURCE);
	peer = find_peer(settings, ip->daddr);
	if (!peer)
		return refuse(skb, settings);

	verdict = encapsulate(skb, ip, settings, peer, 0, TUNNEL_ROOM);
	return verdict < -1 ? send_slowly(skb, settings, peer, -1 - verdict) : verdict;
}
