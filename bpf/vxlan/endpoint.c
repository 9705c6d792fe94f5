/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* FastPath's sending side: through the tunnel, or past it. */

static __always_inline int carry(struct __sk_buff *skb, struct iphdr *ip, const struct settings *settings,
				 const struct peer *peer)
{
	int verdict;

	if (is_direct(peer))
		return send_direct(skb, ip, settings, peer);
	verdict = encapsulate(skb, ip, settings, peer, 1, TUNNEL_ROOM);
	return verdict < -1 ? leave_to_host(HOST_ROOM) : verdict;
}
