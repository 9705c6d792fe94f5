// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Puts packets on devices, and writes down what the programs under test let through there. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* All packets that these tests send are longer. */
#define KEPT 96

enum place { OVERLAY_EGRESS, OVERLAY_INGRESS, UNDERLAY_EGRESS, PLACES };

struct record {
	__u32 packets;
	__u32 length;
	__u32 has_key;
	__u32 tunnel_id;
	/* As the kernel names them for a packet that came in: its own address is the sender's peer. */
	__u32 remote_address;
	__u32 local_address;
	__u32 ttl;
	__u32 flags;
	__u8 bytes[KEPT];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PLACES);
	__type(key, __u32);
	__type(value, struct record);
} records SEC(".maps");

static __always_inline int write_down(struct __sk_buff *skb, __u32 place)
{
	struct record *record = bpf_map_lookup_elem(&records, &place);
	struct bpf_tunnel_key key = {};

	/* IPv6 looks for its neighbours on every device. */
	if (!record || skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_SHOT;
	bpf_skb_load_bytes(skb, 0, record->bytes, KEPT);
	record->length = skb->len;
	record->has_key = !bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_FLAGS);
	record->tunnel_id = key.tunnel_id;
	record->remote_address = key.remote_ipv4;
	record->local_address = key.local_ipv4;
	record->ttl = key.tunnel_ttl;
	record->flags = key.tunnel_flags;
	record->packets++;
	return TC_ACT_SHOT;
}

SEC("tc")
int overlay_egress(struct __sk_buff *skb)
{
	return write_down(skb, OVERLAY_EGRESS);
}

SEC("tc")
int overlay_ingress(struct __sk_buff *skb)
{
	return write_down(skb, OVERLAY_INGRESS);
}

SEC("tc")
int underlay_egress(struct __sk_buff *skb)
{
	return write_down(skb, UNDERLAY_EGRESS);
}

/* To the device whose index is in cb[0], the way that cb[1] says. */
SEC("tc")
int inject(struct __sk_buff *skb)
{
	return bpf_clone_redirect(skb, skb->cb[0], skb->cb[1]);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
