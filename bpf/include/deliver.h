/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* FastPath's last step: from the underlay's ingress into the pod. */
#pragma once

#include "endpoints.h"
#include "peers.h"

/* Why the host must take a packet for an endpoint, which it counts; 0: it need not. */
static __always_inline int count_host_reason(struct __sk_buff *skb, const struct iphdr *inner,
					     const struct settings *settings, struct endpoint *endpoint, int origin)
{
	int reason = origin == ORIGIN_OUTSIDE ? HOST_OUTSIDE : host_reason(skb, inner, settings);

	if (!reason && is_zero_mac(endpoint->mac))
		reason = HOST_UNKNOWN_MAC;
	if (!reason && !is_there(skb, endpoint))
		reason = HOST_ENDPOINT_GONE;
	if (reason)
		count(reason);
	return reason;
}

/* The endpoint that FastPath hands the packet to, or NULL: the host's stack takes it. */
static __always_inline const struct endpoint *choose_endpoint(struct __sk_buff *skb, const struct iphdr *inner,
							      const struct settings *settings, int origin)
{
	struct endpoint *endpoint;

	if (!settings->fast_path)
		return NULL;
	endpoint = find_endpoint(inner->daddr);
	if (!endpoint || count_host_reason(skb, inner, settings, endpoint, origin))
		return NULL;
	return endpoint;
}

/* Straight into the pod's own network namespace. */
static __always_inline int deliver(struct ethhdr *eth, const struct endpoint *endpoint)
{
	copy_mac(eth->h_dest, endpoint->mac);
	copy_mac(eth->h_source, endpoint->gateway_mac);
	decrement_ttl((struct iphdr *)(eth + 1));
	return bpf_redirect_peer(endpoint->index, 0);
}
