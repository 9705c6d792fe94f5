import { attributesOf, textOf } from '../src/sys/netlink_request.ts';
import { dumpLinks, HEADER_BYTES, IFLA_IFNAME, IFLA_LINKINFO } from '../src/sys/rtnetlink/links.ts';
import { inNamespace } from './in_namespace.ts';
import type { Namespace } from './namespace.ts';
import { waitFor } from './ready.ts';

/** <linux/if.h>, <linux/if_link.h>, <linux/if_bridge.h> */
const FLAGS_AT = 8;
const IFF_LOWER_UP = 0x1_0000;
const IFLA_QDISC = 6;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_STATE = 1;
const BR_STATE_FORWARDING = 3;

/**
 * Waits until the devices carry packets. The kernel notices that a cable has been plugged in up to a second later, and
 * only then lets a bridge's port forward: until then packets are lost.
 */
export async function waitForLinks(
  namespace: Namespace,
  devices: readonly string[],
): Promise<void> {
  await waitFor(`${devices.join(', ')} carry packets in ${namespace.namespace}`, () => {
    const carrying = inNamespace(namespace, devicesThatCarry);
    return devices.every((device) => carrying.includes(device));
  });
}

function devicesThatCarry(): string[] {
  return dumpLinks().flatMap((message) => {
    const link = attributesOf(message.subarray(HEADER_BYTES));
    const text = (type: number) => textOf(link.get(type)) ?? '';
    const info = attributesOf(link.get(IFLA_LINKINFO) ?? Buffer.alloc(0));
    const port = attributesOf(info.get(IFLA_INFO_SLAVE_DATA) ?? Buffer.alloc(0));
    const state = port.get(IFLA_BRPORT_STATE)?.[0] ?? BR_STATE_FORWARDING;
    const active =
      (message.readUInt32LE(FLAGS_AT) & IFF_LOWER_UP) !== 0 && text(IFLA_QDISC) !== 'noop';
    return active && state === BR_STATE_FORWARDING ? [text(IFLA_IFNAME)] : [];
  });
}
