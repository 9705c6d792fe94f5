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
	peer = find_peer(settings, ip->daddr);
	if (!peer)
		return is_to_be_cut(skb, settings) ? receive(skb, settings) : drop(DROP_NO_PEER);
	verdict = encapsulate(skb, ip, settings, peer, 0, FINISHED_ROOM);
	return verdict < -1 ? drop(DROP_ROOM) : verdict;
}
