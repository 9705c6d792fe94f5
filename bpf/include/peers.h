/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who holds a subnet, and whether a packet's source may be believed. */
#pragma once

#include <bpf/bpf_endian.h>

#include "count.h"

/* The settings, or NULL while the tunnel is closed. */
static __always_inline const struct settings *open_settings(void)
{
	__u32 key = 0;
	const struct settings *settings = bpf_map_lookup_elem(&settings_map, &key);

	return settings && settings->valid ? settings : NULL;
}

/* An entry that somebody holds, else NULL. */
static __always_inline const struct peer *held(const struct peer *entry)
{
	__u32 flags;

	if (!entry)
		return NULL;
	flags = entry->flags;
	/* Else the compiler makes a mask of the flag and the pointer, which the verifier does not take. */
	asm volatile("%0 &= %1" : "+r"(flags) : "i"(PEER_VALID));
	return flags ? entry : NULL;
}

/* The peer whose lease of `address` is the longest one, or NULL. */
static __always_inline const struct peer *find_peer(const struct settings *settings, __be32 address)
{
	__u32 number = (bpf_ntohl(address) >> settings->subnet_shift) - settings->first_subnet;
	const struct peer *regular = NULL, *irregular;

	if (number < settings->peer_count) {
		regular = held(bpf_map_lookup_elem(&peers, &number));
	}
	if (settings->irregular) {
		struct lpm_key key = { .length = 32, .address = address };

		irregular = held(bpf_map_lookup_elem(&peers_lpm, &key));
		if (irregular && !(regular && regular->length > irregular->length))
			return irregular;
	}
	return regular;
}

static __always_inline int in_network(const struct settings *settings, __be32 address)
{
	return (address & settings->network_mask) == settings->network;
}

static __always_inline int in_own_subnet(const struct settings *settings, __be32 address)
{
	return (address & settings->own_mask) == settings->own_subnet;
}

enum origin {
	ORIGIN_PEER,    /* from the subnet of the peer that sent it */
	ORIGIN_OUTSIDE, /* from a peer, on behalf of somebody outside the network */
};

/*
 * Whether a packet from `outer` may carry the source `inner`: `outer` is a peer, and a source inside the network
 * lies in that peer's subnet. Returns where it is from and sets `slot`, or the reason why not, negative less one.
 */
static __always_inline int check_source(const struct settings *settings, __be32 outer, __be32 inner, __u32 *slot)
{
#ifdef NO_SOURCE_CHECK
	*slot = 0;
	return ORIGIN_PEER;
#endif
	const struct peer *peer = find_peer(settings, inner);
	const struct source *source;

	if (peer && peer->address == outer) {
		*slot = peer->slot;
		return ORIGIN_PEER;
	}
	source = bpf_map_lookup_elem(&sources, &outer);
	if (!source)
		return -1 - DROP_UNKNOWN_PEER;
	if (peer || in_network(settings, inner))
		return -1 - DROP_SPOOFED_SOURCE;
	*slot = source->slot;
	return ORIGIN_OUTSIDE;
}
