/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On the underlay's ingress: takes the outer headers off what peers sent and hands the rest to the overlay device, or
 * with FastPath into the endpoint itself. Nobody else would: the host has no socket for it.
 */

SEC("tc")
int udp_receive(struct __sk_buff *skb)
{
	const struct settings *settings = open_settings();
	struct ethhdr *eth;
	struct iphdr *ip;

	/* A tag says that it is not for this interface. The host knows which one has the VLAN. */
	if (!settings || skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present)
		return HAND_ON;
	eth = packet_head(skb, ETH_LEN + IPV4_LEN + UDP_LEN);
	/* The last piece of a packet may be shorter. */
	if (!eth)
		return gather(skb, settings);
	ip = (void *)(eth + 1);
	if (is_plain_tunnel(ip, settings))
		return receive(skb, settings);
	return is_fragment(ip) ? gather(skb, settings) : HAND_ON;
}
