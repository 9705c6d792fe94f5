/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an XDP program tells the tc program behind it, in the packet's metadata. GRO merges only what carries the same
 * note: so it says nothing of the single packet. Nobody but an interface's XDP program can write there.
 */
#pragma once

#include "parse.h"

#define NOTE_MAGIC 0x74617274

struct note {
	__u32 magic;
	/* As check_source found them. */
	__u32 slot;
	__u32 origin;
	/* The mark that came along as group policy; 0: none. */
	__u32 policy;
};

static __always_inline const struct note *find_note(const struct __sk_buff *skb)
{
	const struct note *note = (const void *)(long)skb->data_meta;

	if ((void *)(note + 1) > packet_data(skb) || note->magic != NOTE_MAGIC)
		return NULL;
	return note;
}
