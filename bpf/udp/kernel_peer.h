/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose end of the tunnel is in the kernel. A relay in user space, as flanneld's, wants of each datagram one packet that
 * is finished: with its checksum, and no longer than the MTU. An underlay that leaves checksums and segments to be done
 * later (a veth, virtio) does not give it that. So every peer is taken for such a one until a packet comes from it whose
 * outer UDP checksum is 0, which sockets do not send unless they are told to.
 */
#pragma once

#include "../include/peers.h"

/* Where the flag lies in eight bytes of a struct peer, which are changed at once: user space writes there too. */
#define FLAGS_OFFSET __builtin_offsetof(struct peer, mac)
#define FLAGS_SHIFT (8 * (__builtin_offsetof(struct peer, flags) - FLAGS_OFFSET))

_Static_assert(sizeof(struct peer) >= FLAGS_OFFSET + 8 && FLAGS_OFFSET % 8 == 0, "eight bytes");

static __always_inline int is_in_kernel(const struct peer *peer)
{
	__u32 flags = peer->flags;

	/* See held(). */
	asm volatile("%0 &= %1" : "+r"(flags) : "i"(PEER_IN_KERNEL));
	return flags != 0;
}

/* A packet with this checksum has come from the peer that holds `source`. */
static __always_inline void learn_kind(const struct settings *settings, __be32 source, __sum16 checksum)
{
	const struct peer *peer = find_peer(settings, source);
	__u64 flag = (__u64)PEER_IN_KERNEL << FLAGS_SHIFT;

	if (!peer || is_in_kernel(peer) == !checksum)
		return;
	/* By hand: this clang would want a later instruction set for it than our programs keep to. */
	if (checksum)
		asm volatile("lock *(u64 *)(%0 + %2) &= %1"
			     : : "r"(peer), "r"(~flag), "i"(FLAGS_OFFSET) : "memory");
	else
		asm volatile("lock *(u64 *)(%0 + %2) |= %1"
			     : : "r"(peer), "r"(flag), "i"(FLAGS_OFFSET) : "memory");
}
