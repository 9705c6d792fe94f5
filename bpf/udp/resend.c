/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On the ingress of the pair's far end, where everything comes out finished: single packets with their checksums. What
 * is for a peer's pods is sent there; what udp_receive wanted cut is received. Nothing goes on to the host.
 */

SEC("tc")
int udp_resend(struct __sk_buff *skb)
{
	const struct settings *settings = open_settings();
	const struct peer *peer;
	struct ethhdr *eth;
	struct iphdr *ip;
	int verdict;

	if (!settings)
		return drop(DROP_CLOSED);
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return drop(DROP_NOT_IPV4);
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	ip = (void *)(eth + 1);
	peer = find_peer(settings, ip->daddr);
	if (!peer)
		return is_to_be_cut(skb, settings) ? receive(skb, settings) : drop(DROP_NO_PEER);
	verdict = encapsulate(skb, ip, settings, peer, 0, FINISHED_ROOM);
	return verdict < -1 ? drop(DROP_ROOM) : verdict;
}
