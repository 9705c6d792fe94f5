// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Puts a packet into a state in which BPF_PROG_TEST_RUN does not make any, and tail-calls the program under test. What
 * is to be done stands in skb->cb; 0: nothing.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define OVERHEAD 50
#define ENCAPSULATE (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP | \
		     BPF_F_ADJ_ROOM_ENCAP_L2(14) | BPF_F_ADJ_ROOM_ENCAP_L2_ETH)

enum step {
	LENGTH,        /* cut or grown to this length */
	TUNNEL_SOURCE, /* a tunnel key, as the kernel's vxlan device makes one */
	ENCAPSULATED,  /* encapsulated before: in front of its IP header stands a copy of it, and room for the rest */
	VLAN,          /* the tag of this VLAN, as the interface has taken it off */
	POLICY,        /* the group policy that came along with the tunnel key */
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

SEC("tc")
int stage(struct __sk_buff *skb)
{
	/* Set as the local end, as which the other side's getter reads the remote one. */
	struct bpf_tunnel_key key = { .local_ipv4 = skb->cb[TUNNEL_SOURCE], .remote_ipv4 = 0x7f7f7f7f };
	__u32 length = skb->cb[LENGTH], source = skb->cb[TUNNEL_SOURCE], encapsulated = skb->cb[ENCAPSULATED];
	__u32 vlan = skb->cb[VLAN], policy = skb->cb[POLICY];
	__u8 header[20];

	if (encapsulated && (bpf_skb_adjust_room(skb, OVERHEAD, BPF_ADJ_ROOM_MAC, ENCAPSULATE) ||
			     bpf_skb_load_bytes(skb, 14 + OVERHEAD, header, sizeof(header)) ||
			     bpf_skb_store_bytes(skb, 14, header, sizeof(header), 0)))
		return 101;
	if (length && bpf_skb_change_tail(skb, length, 0))
		return 102;
	if (source && bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0))
		return 103;
	if (policy && bpf_skb_set_tunnel_opt(skb, &policy, sizeof(policy)))
		return 105;
	if (vlan && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), vlan))
		return 106;
	bpf_tail_call(skb, &under_test, 0);
	return 104;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
