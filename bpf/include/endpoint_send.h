/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * FastPath: on the ingress of an endpoint's interface, which is the egress of the pod. It lets a pod send with its own
 * address only, and sends what is for another host's pods past the host's stack. Everything else is the host's. Each
 * object has a carry() of its own, which gets the packet to the peer's host.
 */
#pragma once

#include "endpoints.h"
#include "fits.h"
#include "peers.h"

/* Sends a packet that fits, one hop less of life, or leaves it to the host as it was. Returns the verdict. */
static __always_inline int carry(struct __sk_buff *skb, struct iphdr *ip, const struct settings *settings,
				 const struct peer *peer);

static __always_inline int learn_from_arp(struct __sk_buff *skb)
{
	const struct arp_ipv4 *arp;
	struct endpoint *endpoint;
	struct ethhdr *eth = packet_head(skb, ETH_LEN + sizeof(*arp));

	if (!eth)
		return HAND_ON;
	arp = (void *)(eth + 1);
	endpoint = find_endpoint(arp->sender_address);
	if (endpoint && endpoint->index == skb->ifindex)
		learn_mac(endpoint, eth);
	return HAND_ON;
}

SEC("tc")
int endpoint_send(struct __sk_buff *skb)
{
	const struct settings *settings;
	struct endpoint *endpoint;
	const struct peer *peer;
	struct ethhdr *eth;
	struct iphdr *ip;
	int reason;

	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return learn_from_arp(skb);
	if (skb->protocol != bpf_htons(ETH_P_IP))
		return HAND_ON;
	/* The ports and TCP's own length are wanted too, where the packet has them. */
	if (packet_data(skb) + ETH_LEN + IPV4_LEN + TCP_LEN > packet_end(skb))
		bpf_skb_pull_data(skb, skb->len < ETH_LEN + IPV4_LEN + TCP_LEN ? skb->len : ETH_LEN + IPV4_LEN + TCP_LEN);
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	ip = (void *)(eth + 1);
	endpoint = find_endpoint(ip->saddr);
	if (!endpoint || endpoint->index != skb->ifindex)
		return drop(DROP_ENDPOINT_SOURCE);
	learn_mac(endpoint, eth);

	settings = open_settings();
	/* A tag would go out on the underlay, into a VLAN that is not the pod's to choose. */
	if (!settings || !settings->fast_path || skb->vlan_present)
		return HAND_ON;
	peer = find_peer(settings, ip->daddr);
	if (!peer)
		return HAND_ON;
	reason = host_reason(skb, ip, settings);
	if (reason)
		return leave_to_host(reason);
	if (!fits(skb, ip, settings->mtu))
		return leave_to_host(HOST_SIZE);
	return carry(skb, ip, settings, peer);
}
