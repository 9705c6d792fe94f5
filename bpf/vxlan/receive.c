/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On the underlay's ingress: takes the outer headers off what peers sent and hands the rest to the overlay device.
 * Whatever is not surely a whole packet of our tunnel goes on to the host; if it is one all the same (a fragment, IP
 * options), the kernel's device decapsulates it and vxlan_check looks at it there.
 */

/* Length fields that contradict each other: a whole packet claims to be longer than what holds it. */
static __always_inline int lengths_agree(const struct __sk_buff *skb, const struct outer_headers *outer,
					 const struct iphdr *inner)
{
	__u32 ip = bpf_ntohs(outer->ip.tot_len);
	__u32 udp = bpf_ntohs(outer->udp.len);

	return ip + ETH_LEN <= skb->len && udp + IPV4_LEN <= ip &&
	       bpf_ntohs(inner->tot_len) + UDP_LEN + VXLAN_LEN + ETH_LEN <= udp &&
	       bpf_ntohs(inner->tot_len) >= inner->ihl * 4;
}

static __always_inline int has_known_flags(__be32 flags, const struct settings *settings)
{
	if (settings->gbp)
		flags &= ~(VXLAN_HAS_POLICY | bpf_htonl(VXLAN_POLICY));
	return flags == VXLAN_HAS_VNI;
}

/* The endpoint that FastPath hands the packet to, or NULL: the host's stack takes it. */
static __always_inline const struct endpoint *choose_endpoint(struct __sk_buff *skb, const struct iphdr *inner,
							      const struct settings *settings, int origin)
{
	struct endpoint *endpoint = find_endpoint(inner->daddr);
	int reason;

	if (!endpoint)
		return NULL;
	reason = origin == ORIGIN_OUTSIDE ? HOST_OUTSIDE : host_reason(skb, inner, settings);
	if (!reason && is_zero_mac(endpoint->mac))
		reason = HOST_UNKNOWN_MAC;
	if (!reason && !is_there(skb, endpoint))
		reason = HOST_ENDPOINT_GONE;
	if (!reason)
		return endpoint;
	count(reason);
	return NULL;
}

/* Straight into the pod's own network namespace. */
static __always_inline int deliver(struct ethhdr *eth, const struct endpoint *endpoint)
{
	copy_mac(eth->h_dest, endpoint->mac);
	copy_mac(eth->h_source, endpoint->gateway_mac);
	decrement_ttl((struct iphdr *)(eth + 1));
	return bpf_redirect_peer(endpoint->index, 0);
}

SEC("tc")
int vxlan_receive(struct __sk_buff *skb)
{
	const struct settings *settings = open_settings();
	const struct endpoint *endpoint = NULL;
	struct outer_headers *outer;
	__u32 slot = 0, packets, bytes;
	__be32 policy;
	mac_address peer_mac __attribute__((aligned(4)));
	struct iphdr *ip, *inner;
	struct ethhdr *eth;
	int verdict;

	if (!settings || skb->protocol != bpf_htons(ETH_P_IP))
		return HAND_ON;
	eth = packet_head(skb, ETH_LEN + IPV4_LEN + UDP_LEN);
	if (!eth)
		return HAND_ON;
	ip = (void *)(eth + 1);
	if (ip->protocol != IPPROTO_UDP || ip->daddr != settings->underlay_address || ip->ihl != IPV4_LEN / 4 ||
	    is_fragment(ip))
		return HAND_ON;
	if (((struct udphdr *)(ip + 1))->dest != settings->port)
		return HAND_ON;

	eth = packet_head(skb, ETH_LEN + offsetof(struct outer_headers, inner_eth));
	if (!eth)
		return drop(DROP_TRUNCATED);
	outer = (void *)(eth + 1);
	/* Another device's VNI, or extensions that the kernel may know. */
	if (!has_known_flags(outer->vxlan.flags, settings) || outer->vxlan.vni != settings->vni_word)
		return leave_to_host(OTHER_VNI);
	policy = outer->vxlan.flags;
	eth = packet_head(skb, ETH_LEN + VXLAN_OVERHEAD + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	outer = (void *)(eth + 1);
	inner = (void *)outer + VXLAN_OVERHEAD;
	if (outer->inner_eth.h_proto != bpf_htons(ETH_P_IP) || inner->version != 4 || inner->ihl < IPV4_LEN / 4)
		return drop(DROP_NOT_IPV4);
	if (!same_mac(outer->inner_eth.h_dest, settings->device_mac))
		return drop(DROP_WRONG_MAC);
	if (header_sum(&outer->ip) != 0xffff)
		return drop(DROP_CHECKSUM);
	/* GRO keeps the lengths of a merged packet itself. */
	if (!skb->gso_size && !lengths_agree(skb, outer, inner))
		return drop(DROP_LENGTH);
	verdict = check_source(settings, outer->ip.saddr, inner->saddr, &slot);
	if (verdict < 0)
		return drop(-1 - verdict);

	/* RFC 6040: congestion that the underlay marked goes into the inner header, checksum and all. */
	if ((outer->ip.tos & ECN_MASK) == ECN_CE && (inner->tos & ECN_MASK) != ECN_CE) {
		count(SLOW_RECEIVE_CONGESTION);
		return HAND_ON;
	}
	/* The tunnel's GSO type cannot be taken off here, and other protocols are segmented by it. */
	if (skb->gso_size && inner->protocol != IPPROTO_TCP) {
		count(SLOW_RECEIVE_GSO);
		return HAND_ON;
	}

	if (settings->fast_path)
		endpoint = choose_endpoint(skb, inner, settings, verdict);
	packets = wire_packets(skb);
	bytes = bpf_ntohs(inner->tot_len);
	copy_mac(peer_mac, outer->inner_eth.h_source);
	if (bpf_skb_adjust_room(skb, -VXLAN_OVERHEAD, BPF_ADJ_ROOM_MAC,
				BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)) {
		count(SLOW_RECEIVE_ROOM);
		return HAND_ON;
	}
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
