/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* On the underlay's ingress: hands what peers' pods send to endpoints straight to them. */

SEC("tc")
int host_gw_receive(struct __sk_buff *skb)
{
	const struct settings *settings = open_settings();

	/* A tag says that it is not for this interface. The host knows which one has the VLAN. */
	if (!settings || skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present)
		return HAND_ON;
	return receive_direct(skb, settings);
}
