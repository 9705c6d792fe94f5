/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On the ingress of the overlay device: the same source check for what the kernel's device decapsulated. What
 * vxlan_receive injected has no tunnel key, and has been checked.
 */

SEC("tc")
int vxlan_check(struct __sk_buff *skb)
{
	const struct settings *settings;
	struct bpf_tunnel_key key = {};
	enum counter reason;
	struct ethhdr *eth;
	struct iphdr *ip;
	__u32 slot = 0, policy = 0;
	int verdict;

	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0))
		return HAND_ON;
	settings = open_settings();
	if (!settings)
		return drop(DROP_CLOSED);
	eth = ipv4_frame(skb, &reason);
	if (!eth)
		return drop(reason);
	ip = (void *)(eth + 1);
	if (ip->version != 4 || ip->ihl < IPV4_LEN / 4)
		return drop(DROP_NOT_IPV4);
	if (!skb->gso_size && (bpf_ntohs(ip->tot_len) > skb->len - ETH_LEN || bpf_ntohs(ip->tot_len) < ip->ihl * 4))
		return drop(DROP_LENGTH);
	if (!same_mac(eth->h_dest, settings->device_mac))
		return drop(DROP_WRONG_MAC);
	verdict = check_inner(settings, bpf_htonl(key.remote_ipv4), ip, &slot);
	if (verdict < 0)
		return drop(-1 - verdict);
	if (settings->gbp && bpf_skb_get_tunnel_opt(skb, &policy, sizeof(policy)) == sizeof(policy))
		skb->mark = policy;
	count(SLOW_RECEIVED);
	count_received(slot, wire_packets(skb), skb->len - ETH_LEN);
	return HAND_ON;
}
