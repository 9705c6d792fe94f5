/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * FastPath: on the ingress of the pair's near end. What came there singly GRO has merged, and it goes into the endpoint
 * that it is for. All of it has been let in by udp_receive.
 */

SEC("tc")
int udp_deliver(struct __sk_buff *skb)
{
	const struct settings *settings = open_settings();
	const struct endpoint *endpoint;
	struct ethhdr *eth;
	struct iphdr *ip;

	if (!settings || !settings->fast_path || skb->protocol != bpf_htons(ETH_P_IP))
		return HAND_ON;
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return HAND_ON;
	ip = (void *)(eth + 1);
	if (ip->protocol != IPPROTO_TCP)
		return HAND_ON;
	endpoint = choose_endpoint(skb, ip, settings, find_peer(settings, ip->saddr) ? ORIGIN_PEER : ORIGIN_OUTSIDE);
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	return eth && endpoint ? deliver(eth, endpoint) : HAND_ON;
}
