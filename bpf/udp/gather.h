/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Putting together what a narrow path has cut: the host would do it, but only for a socket of its own. The first piece
 * must come first, as it alone tells that it is for our port; the others follow in order, as routers send them. Pieces
 * of different packets may come at once, on several CPUs.
 */
#pragma once

/* How long an outer packet may be without its IP header: enough for jumbo frames. A power of two. */
#define GATHERED_BYTES 16384
#define GATHERING_PLACES 64
#define GATHERING_NANOSECONDS 1000000000
/* Of how many places a packet may have one. */
#define GATHERING_CHOICE 4

/* A packet of which some pieces have come. */
struct gathering {
	struct bpf_spin_lock lock;
	__be32 source;
	__be16 id;
	/* Of the pieces so far: congestion was marked on one. */
	__u8 congestion;
	/* Bytes that there is a piece for, and those that stand here by now. */
	__u32 claimed;
	__u32 written;
	/* All of its bytes; 0: the last piece is yet to come. */
	__u32 whole;
	/* 0: nothing is wanted of it any more. */
	__u64 begun;
	/* As long again as is used: the verifier does not see that a place and a length depend on each other. */
	__u8 bytes[2 * GATHERED_BYTES];
};

/* Not pinned: a new generation begins with none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATHERING_PLACES);
	__type(key, __u32);
	__type(value, struct gathering);
} gatherings SEC(".maps");

struct piece {
	__be32 source;
	__be16 id;
	/* When the packet in whose place it is began: tells it from one of the same id that came to stand there since. */
	__u64 begun;
	__u32 from;
	__u32 length;
	__u8 congestion;
	__u8 is_last;
};

/* A length from 1 to GATHERED_BYTES, such that the verifier sees it. */
static __always_inline __u32 bounded(__u32 length)
{
	asm volatile("" : "+r"(length));
	return ((length - 1) & (GATHERED_BYTES - 1)) + 1;
}

static __always_inline int is_in_place(const struct gathering *gathering, const struct piece *piece)
{
	return gathering->source == piece->source && gathering->id == piece->id && gathering->begun == piece->begun;
}

/* Whether the place is, or becomes, that of the piece's packet and the piece is the next one. Then its bytes are its own. */
static __always_inline int claim(struct gathering *gathering, struct piece *piece, int by_force)
{
	/* Not to be had with the lock held: another CPU may have begun a packet here since, and so later than now. */
	__u64 now = bpf_ktime_get_ns();
	int is_next, is_same, is_over;

	bpf_spin_lock(&gathering->lock);
	is_over = gathering->begun == 0 || (__s64)(now - gathering->begun) >= GATHERING_NANOSECONDS;
	/* Ids come again: what an earlier packet of this one left here would take the pieces. */
	is_same = gathering->source == piece->source && gathering->id == piece->id;
	if (piece->from == 0 && (by_force || is_same || is_over)) {
		gathering->source = piece->source;
		gathering->id = piece->id;
		gathering->claimed = 0;
		gathering->written = 0;
		gathering->whole = 0;
		gathering->congestion = 0;
		gathering->begun = now;
		is_same = 1;
		is_over = 0;
	}
	is_next = is_same && !is_over && gathering->claimed == piece->from;
	if (is_next) {
		piece->begun = gathering->begun;
		gathering->claimed += piece->length;
		gathering->congestion |= piece->congestion;
		if (piece->is_last)
			gathering->whole = gathering->claimed;
	}
	bpf_spin_unlock(&gathering->lock);
	return is_next;
}

/* The piece's place among those that its packet may have; NULL: it is not the next one of any. */
static __always_inline struct gathering *find_place(struct piece *piece)
{
	__u32 key, first = bpf_ntohs(piece->id) ^ bpf_ntohl(piece->source) * 31;
	struct gathering *gathering, *oldest = NULL;

#pragma unroll
	for (int i = 0; i < GATHERING_CHOICE; i++) {
		key = (first + i) % GATHERING_PLACES;
		gathering = bpf_map_lookup_elem(&gatherings, &key);
		if (!gathering)
			return NULL;
		if (claim(gathering, piece, 0))
			return gathering;
		if (!oldest || gathering->begun < oldest->begun)
			oldest = gathering;
	}
	/* All are taken: pieces of the one that has waited longest may well be lost. */
	return oldest && claim(oldest, piece, 1) ? oldest : NULL;
}

/* The piece has been written. The length of the packet, if that was what it lacked; 0: more is to come; -1: its place is lost. */
static __always_inline int settle(struct gathering *gathering, const struct piece *piece, __u8 *congestion)
{
	int length = -1;

	bpf_spin_lock(&gathering->lock);
	if (is_in_place(gathering, piece)) {
		gathering->written += piece->length;
		length = gathering->written == gathering->whole ? (int)gathering->whole : 0;
		*congestion = gathering->congestion;
	}
	bpf_spin_unlock(&gathering->lock);
	return length;
}

/* Gives the place back. Whether it was the packet's until now, and its bytes with it. */
static __always_inline int release(struct gathering *gathering, const struct piece *piece)
{
	int was_in_place;

	bpf_spin_lock(&gathering->lock);
	was_in_place = is_in_place(gathering, piece);
	if (was_in_place)
		gathering->begun = 0;
	bpf_spin_unlock(&gathering->lock);
	return was_in_place;
}

/* Makes a piece the whole packet, which comes in once more. */
static __always_inline int come_in_whole(struct __sk_buff *skb, const struct settings *settings,
					 struct gathering *gathering, const struct piece *piece, __u32 length,
					 __u8 congestion)
{
	int failed = bpf_skb_change_tail(skb, ETH_LEN + IPV4_LEN + length, 0) ||
		     bpf_skb_store_bytes(skb, ETH_LEN + IPV4_LEN, gathering->bytes, bounded(length), 0);
	struct ethhdr *eth;
	struct iphdr *ip;

	if (!release(gathering, piece) || failed)
		return drop(DROP_FRAGMENT);
	eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	if (!eth)
		return drop(DROP_TRUNCATED);
	ip = (void *)(eth + 1);
	ip->tot_len = bpf_htons(IPV4_LEN + length);
	ip->frag_off = 0;
	if (congestion)
		ip->tos |= ECN_CE;
	ip->check = 0;
	ip->check = ~header_sum(ip);
	count(SLOW_RECEIVED);
	return bpf_redirect(settings->underlay_index, BPF_F_INGRESS);
}

/* Is the first piece of a packet of our tunnel's. */
static __always_inline int begins_tunnel(struct __sk_buff *skb, const struct settings *settings)
{
	struct ethhdr *eth = packet_head(skb, ETH_LEN + IPV4_LEN + UDP_LEN);

	return eth && ((const struct udphdr *)((void *)(eth + 1) + IPV4_LEN))->dest == settings->port;
}

/* A fragment of UDP to our address, which may be of our tunnel. Else it is the host's. */
static __noinline int gather(struct __sk_buff *skb, const struct settings *settings)
{
	struct ethhdr *eth = packet_head(skb, ETH_LEN + IPV4_LEN);
	struct gathering *gathering;
	struct piece piece = {};
	struct iphdr *ip;
	__u8 congestion;
	__u32 place;
	int length;

	if (!eth)
		return HAND_ON;
	ip = (void *)(eth + 1);
	if (!is_fragment(ip) || ip->protocol != IPPROTO_UDP || ip->daddr != settings->underlay_address ||
	    !has_plain_header(ip) || header_sum(ip) != 0xffff)
		return HAND_ON;
	piece.source = ip->saddr;
	piece.id = ip->id;
	piece.from = (bpf_ntohs(ip->frag_off) & IP_FRAGMENT_OFFSET) * 8;
	piece.length = bpf_ntohs(ip->tot_len) - IPV4_LEN;
	piece.congestion = (ip->tos & ECN_MASK) == ECN_CE;
	piece.is_last = !(ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS));
	/* Nobody else's pieces take up room here. */
	if (!bpf_map_lookup_elem(&sources, &piece.source) || (piece.from == 0 && !begins_tunnel(skb, settings)))
		return HAND_ON;

	gathering = find_place(&piece);
	if (!gathering)
		return piece.from == 0 ? drop(DROP_FRAGMENT) : HAND_ON;
	if (piece.length == 0 || piece.from + piece.length > GATHERED_BYTES ||
	    ETH_LEN + IPV4_LEN + piece.length > skb->len || (!piece.is_last && piece.length % 8))
		return drop(DROP_FRAGMENT);
	place = piece.from;
	asm volatile("" : "+r"(place));
	place &= GATHERED_BYTES - 1;
	if (bpf_skb_load_bytes(skb, ETH_LEN + IPV4_LEN, gathering->bytes + place, bounded(piece.length)))
		return drop(DROP_FRAGMENT);
	length = settle(gathering, &piece, &congestion);
	if (length > 0)
		return come_in_whole(skb, settings, gathering, &piece, length, congestion);
	count(length < 0 ? DROP_FRAGMENT : SLOW_RECEIVE_FRAGMENT);
	return TC_ACT_SHOT;
}
