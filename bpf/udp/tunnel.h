/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* flannel's udp, as encap.h and judge.h have to know it: the inner packet itself is the datagram. */
#pragma once

#include "../include/parse.h"

/* All that stands between the Ethernet header and the inner packet. */
struct outer_headers {
	struct iphdr ip;
	struct udphdr udp;
};

/* What a packet on the overlay device lacks. */
#define TUNNEL_OVERHEAD (IPV4_LEN + UDP_LEN)

#define TUNNEL_ROOM (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP)

/* For a packet that nothing is left to be done to: it is not marked as encapsulated, which it may be already. */
#define FINISHED_ROOM BPF_F_ADJ_ROOM_FIXED_GSO

static __always_inline void write_tunnel(const struct __sk_buff *skb, struct outer_headers *outer,
					 const struct settings *settings, const struct peer *peer)
{
}
