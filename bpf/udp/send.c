/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On the egress of the pair's near end: puts the outer headers on what the host routed there and sends it to the peer's
 * host. What cannot be sent as it is goes on through the pair, which finishes it, and udp_resend sends it.
 */

/* Returns the verdict, or why it must be finished first, negative less one; then the packet is as it was. */
static __always_inline int send_unfinished(struct __sk_buff *skb, const struct iphdr *ip,
					   const struct settings *settings, const struct peer *peer, int hops)
{
	if (!is_in_kernel(peer))
		return -1 - SLOW_SEND_PEER;
	/* At the other end nobody could take the tunnel off it. */
	if (skb->gso_size && ip->protocol != IPPROTO_TCP)
		return -1 - SLOW_SEND_GSO;
	return encapsulate(skb, ip, settings, peer, hops, TUNNEL_ROOM);
}

SEC("tc")
int udp_send(struct __sk_buff *skb)
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
		return is_to_be_cut(skb, settings) ? HAND_ON : refuse(skb, settings);

	verdict = send_unfinished(skb, ip, settings, peer, 0);
	return verdict < -1 ? leave_to_host(-1 - verdict) : verdict;
}
