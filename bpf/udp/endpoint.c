/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* FastPath's sending side: what must be finished first goes by the host, whose route leads into the pair. */

static __always_inline int carry(struct __sk_buff *skb, struct iphdr *ip, const struct settings *settings,
				 const struct peer *peer)
{
	int verdict = send_unfinished(skb, ip, settings, peer, 1);

	if (verdict >= -1)
		return verdict;
	return leave_to_host(-1 - verdict == SLOW_SEND_PEER ? HOST_PEER : HOST_ROOM);
}
