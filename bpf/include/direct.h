/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * FastPath to and from hosts on the underlay's own layer 2, which need no tunnel: packets travel as pods made them, one
 * hop less of life at each end. Nothing on such a wire says who sent a packet but its source address, as with plain
 * forwarding.
 */
#pragma once

#include "deliver.h"
#include "fits.h"
#include "path.h"

/* <linux/if_packet.h>: to this host's own MAC. */
#define PACKET_TO_HOST 0

static __always_inline int is_direct(const struct peer *peer)
{
	__u32 flags = peer->flags;

	/* See held(). */
	asm volatile("%0 &= %1" : "+r"(flags) : "i"(PEER_DIRECT));
	return flags != 0;
}

/* What an endpoint sends to a direct peer's pods; the packet has passed all of endpoint_send's questions. */
static __always_inline int send_direct(struct __sk_buff *skb, struct iphdr *ip, const struct settings *settings,
				       const struct peer *peer)
{
	struct traffic *traffic = traffic_of(peer->slot);
	struct ethhdr *eth = (struct ethhdr *)ip - 1;

	if (!traffic)
		return leave_to_host(HOST_ROOM);
	count_sent(traffic, wire_packets(skb), skb->len - ETH_LEN);
	decrement_ttl(ip);
	return send_on_path(skb, eth, traffic, settings, peer);
}

/*
 * A plain IPv4 packet on the underlay's ingress: what a direct peer's pod sends to an endpoint goes straight there, and
 * everything else on to the host. A frame for another machine is none of ours, as it is none of the host's.
 */
static __always_inline int receive_direct(struct __sk_buff *skb, const struct settings *settings)
{
	struct endpoint *endpoint;
	const struct peer *peer;
	struct ethhdr *eth;
	struct iphdr *ip;

	if (!settings->fast_path || skb->pkt_type != PACKET_TO_HOST)
		return HAND_ON;
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return HAND_ON;
	ip = (void *)(eth + 1);
	endpoint = find_endpoint(ip->daddr);
	if (!endpoint)
		return HAND_ON;
	peer = find_peer(settings, ip->saddr);
	if (!peer || !is_direct(peer))
		return leave_to_host(HOST_OUTSIDE);
	if (count_host_reason(skb, ip, settings, endpoint, ORIGIN_PEER))
		return HAND_ON;
	if (!fits(skb, ip, settings->mtu))
		return leave_to_host(HOST_SIZE);
	count_received(peer->slot, wire_packets(skb), skb->len - ETH_LEN);
	return deliver(eth, endpoint);
}
