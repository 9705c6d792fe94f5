/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* FastPath's sending side. */

static __always_inline int carry(struct __sk_buff *skb, struct iphdr *ip, const struct settings *settings,
				 const struct peer *peer)
{
	return send_direct(skb, ip, settings, peer);
}
