/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What user space and the programs tell each other. These structs are the source of truth for the map layouts:
 * src/bpf/layouts.gen.ts is generated from their BTF.
 */
#pragma once

#include <linux/types.h>

#define ETH_LEN 14
#define IPV4_LEN 20
#define UDP_LEN 8

typedef __u8 mac_address[6];

/* The host and its network. One entry; while `valid` is 0 the tunnel is closed: it drops, and says so. */
struct settings {
	__u32 valid;

	__be32 network;
	__be32 network_mask;
	__be32 own_subnet;
	__be32 own_mask;

	/* The peer array holds `peer_count` subnets; the first is number `first_subnet` (address >> subnet_shift). */
	__u32 subnet_shift;
	__u32 first_subnet;
	__u32 peer_count;
	/* Not 0 while leases of another length stand in `peers_lpm`. */
	__u32 irregular;

	__be32 underlay_address;
	__u32 underlay_index;
	__u32 device_index;

	/* The VXLAN header's second word: VNI << 8. */
	__be32 vni_word;
	__be16 port;
	mac_address device_mac;

	/* Of the overlay device: what FastPath carries at most. */
	__u32 mtu;
	/* Whether endpoints are served past the host's stack. */
	__u32 fast_path;
	/* Whether this host may have NAT-ed a flow, which then must go through its stack. */
	__u32 conntrack;
	/* Whether the packet's mark travels along as group policy. */
	__u32 gbp;

	/* The far end of the overlay device, where that is a pair. */
	__u32 far_index;
};

enum peer_flags {
	PEER_VALID = 1,
	/* Reached without a tunnel. */
	PEER_DIRECT = 2,
	/* Its kernel takes outer headers off: a tunnel's packets may come to it with checksums and segments unfinished. */
	PEER_IN_KERNEL = 4,
};

/* Another host. The array's entries are always there: PEER_VALID says whether somebody holds the subnet. */
struct peer {
	/* Its PublicIP: the outer destination, and the only outer source from which its subnet is believed. */
	__be32 address;
	/* Index into `peer_counters`. */
	__u32 slot;
	/* Its VTEP's MAC: the inner destination. */
	mac_address mac;
	/* enum peer_flags */
	__u8 flags;
	/* Of the subnet's prefix: of two leases that hold an address, the longer one counts. */
	__u8 length;
};

/* A pod that FastPath serves. Zeros: nobody. */
struct endpoint {
	/* The pod's own. */
	__be32 address;
	/* The host's end of its cable. */
	__u32 index;
	/* When the interface was last seen to be there, in jiffies. */
	__u32 seen;
	/* What the pod has for the host's MAC: that of the interface, or of the bridge that it is a port of. */
	mac_address gateway_mac;
	/* The pod's own, learned from what it sends; zeros: not yet. */
	mac_address mac;
};

/* A host by its PublicIP: which one to count for when the inner source is outside the network. */
struct source {
	__u32 slot;
};

struct lpm_key {
	__u32 length;
	__be32 address;
};

/*
 * What passed between this host and a peer. Packets as they are on the wire: a GSO packet counts as its segments. Bytes
 * are those of the inner IP packets.
 */
struct traffic {
	__u64 sent_packets;
	__u64 sent_bytes;
	__u64 received_packets;
	__u64 received_bytes;

	/* The way to the peer as the FIB and the neighbour table had it a moment ago: see path.h. */
	__u32 path_until;
	__be32 path_address;
	mac_address path_destination;
	mac_address path_source;
	__u32 reserved;
};

/* What became of packets that did not take the fast way. Indexes of `counters`; add at the end only. */
enum counter {
	/* Dropped, by reason. */
	DROP_CLOSED,             /* no valid settings */
	DROP_NOT_IPV4,           /* the overlay carries IPv4 only */
	DROP_TRUNCATED,          /* shorter than its headers */
	DROP_LENGTH,             /* a length field that contradicts another, or the packet */
	DROP_CHECKSUM,           /* outer IP header checksum wrong */
	DROP_NO_PEER,            /* nobody holds the destination's subnet */
	DROP_FOREIGN_SOURCE,     /* sent here with a source that is another host's */
	DROP_UNKNOWN_PEER,       /* received from an address that is no peer's */
	DROP_SPOOFED_SOURCE,     /* received from a peer, but the source is not the peer's */
	DROP_WRONG_MAC,          /* inner destination is not our VTEP */

	/* Handed to the kernel's own vxlan device, by reason. */
	SLOW_SEND_ROOM,          /* no room could be made: already encapsulated once, or an unusual GSO type */
	SLOW_SEND_SIZE,          /* would be longer than an IPv4 packet can be */
	SLOW_RECEIVE_CONGESTION, /* the underlay's congestion mark must go into the inner header */
	SLOW_RECEIVE_GSO,        /* a GSO packet that is not TCP */
	SLOW_RECEIVE_ROOM,       /* the outer headers could not be removed */
	SLOW_RECEIVED,           /* decapsulated by the kernel's device, and passed its check */

	/* Answers. */
	ANSWER_UNREACHABLE,      /* host-unreachable sent for DROP_NO_PEER */

	/* More drops. */
	DROP_ENDPOINT_SOURCE,    /* an endpoint sent with a source that is not its own */

	/* Not for our tunnel, and left to the host. */
	OTHER_VNI,               /* on our port, with another VNI or flags */

	/* FastPath left it to the host's stack, by reason. */
	HOST_NAT,                /* the host has NAT-ed the flow */
	HOST_UNTRACKED,          /* while the host may NAT: not TCP or UDP, or a fragment */
	HOST_OPTIONS,            /* IP options */
	HOST_TTL,                /* the last hop: the host answers */
	HOST_SIZE,               /* over the MTU: the host answers, or fragments */
	HOST_ROOM,               /* no room could be made */
	HOST_OUTSIDE,            /* for an endpoint, from outside the network */
	HOST_UNKNOWN_MAC,        /* for an endpoint that has sent nothing yet */
	HOST_ENDPOINT_GONE,      /* for an endpoint whose interface is gone: it is forgotten */

	/* More drops. */
	DROP_MARTIAN,            /* received with an inner address that no packet between hosts has */
	DROP_CONGESTION,         /* the underlay marked congestion, and the inner header cannot carry the mark */

	/* Of udp: finished, cut or put together first, by reason. */
	SLOW_SEND_PEER,          /* the peer's host may take packets off in user space */
	SLOW_SEND_GSO,           /* a GSO packet that is not TCP */
	SLOW_RECEIVE_FRAGMENT,   /* a piece of an outer packet, kept until the rest has come */
	HOST_PEER,               /* FastPath left it to the host: see SLOW_SEND_PEER */
	DROP_FRAGMENT,           /* a piece of an outer packet that does not fit the others, or a packet that is too long */
	DROP_ROOM,               /* outer headers could not be put on or taken off */

	COUNTER_COUNT,
};
