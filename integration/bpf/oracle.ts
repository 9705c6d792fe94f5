/**
 * What the programs may do with a packet, said once more and in no order: a packet with two flaws may be dropped for
 * either. Nothing of it comes from the programs.
 */
import type { CounterName } from '../../src/bpf/counters.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { parsePrefix, prefixContains } from '../../src/net/prefix.ts';
import type { Peer } from '../../src/plan/state.ts';
import { ECN, ETHERTYPE, hasValidChecksum, PROTOCOL } from './packets.ts';
import { SETTINGS } from './scene.ts';

export interface Judgement {
  /** Whether the programs should touch it at all. */
  readonly isOurs: boolean;
  /** What counts a packet that is not ours. */
  readonly bystander?: CounterName;
  /** Any of them is a reason to drop it; none: it is good. */
  readonly flaws: readonly CounterName[];
  /** Why the kernel's device has to do it, where it is good. */
  readonly slow: readonly CounterName[];
}

const NOT_OURS: Judgement = { isOurs: false, flaws: [], slow: [] };

const network = parsePrefix(SETTINGS.network);
const own = parsePrefix(SETTINGS.ownSubnet);
const mac = SETTINGS.deviceMac.replaceAll(':', '');

/** Who holds an address: of the leases that have it, the longest. */
function holderOf(peers: readonly Peer[], address: number): Peer | undefined {
  const lengthOf = ({ subnet }: Peer) => parsePrefix(subnet).length;
  return peers
    .filter(({ subnet }) => prefixContains(parsePrefix(subnet), address))
    .sort((a, b) => lengthOf(b) - lengthOf(a))[0];
}

/** The names of the conditions that hold. */
function listTrue(conditions: Partial<Record<CounterName, boolean>>): CounterName[] {
  return (Object.keys(conditions) as CounterName[]).filter((name) => conditions[name]);
}

/** Of a frame of 34 bytes or more that came in on the underlay, and is no GSO packet unless said so. */
export function judgeReceived(frame: Buffer, peers: readonly Peer[], isGso = false): Judgement {
  if (frame.readUInt16BE(12) !== ETHERTYPE.ipv4) return NOT_OURS;
  const ip = frame.subarray(14);
  const isWhole = (ip.readUInt16BE(6) & 0x3fff) === 0;
  const hasPlainHeader = ((ip[0] ?? 0) & 15) === 5;
  const isToUs = ip.readUInt32BE(16) === parseIpv4(SETTINGS.underlayAddress);
  if (!isWhole || !hasPlainHeader || !isToUs || ip[9] !== PROTOCOL.udp) return NOT_OURS;
  const udp = ip.subarray(20);
  if (udp.length < 8 || udp.readUInt16BE(2) !== SETTINGS.port) return NOT_OURS;
  const vxlan = udp.subarray(8);
  const truncated: Judgement = { isOurs: true, flaws: ['drop_truncated'], slow: [] };
  if (vxlan.length < 8) return truncated;
  const header = vxlan.subarray(0, 8).toString('hex');
  if (header !== `08000000${SETTINGS.vni.toString(16).padStart(6, '0')}00`)
    return { ...NOT_OURS, bystander: 'other_vni' };
  const inner = vxlan.subarray(8 + 14);
  if (inner.length < 20) return truncated;

  const outerSource = ip.readUInt32BE(12);
  const innerSource = inner.readUInt32BE(12);
  const holder = holderOf(peers, innerSource);
  const isPeer = peers.some(({ publicIp }) => parseIpv4(publicIp) === outerSource);
  const mayHaveIt =
    holder === undefined
      ? !prefixContains(network, innerSource)
      : parseIpv4(holder.publicIp) === outerSource;
  const innerLength = inner.readUInt16BE(2);
  const innerHeaderLength = ((inner[0] ?? 0) & 15) * 4;
  const outerEcn = (ip[1] ?? 0) & 3;
  const innerEcn = (inner[1] ?? 0) & 3;
  return {
    isOurs: true,
    flaws: listTrue({
      drop_not_ipv4:
        vxlan.readUInt16BE(8 + 12) !== ETHERTYPE.ipv4 ||
        (inner[0] ?? 0) >>> 4 !== 4 ||
        innerHeaderLength < 20,
      drop_wrong_mac: vxlan.toString('hex', 8, 14) !== mac,
      drop_checksum: !hasValidChecksum(ip.subarray(0, 20)),
      drop_length:
        !isGso &&
        (ip.readUInt16BE(2) > ip.length ||
          udp.readUInt16BE(4) > ip.readUInt16BE(2) - 20 ||
          innerLength > udp.readUInt16BE(4) - 8 - 8 - 14 ||
          innerLength < innerHeaderLength),
      drop_unknown_peer: !isPeer,
      drop_spoofed_source: isPeer && !mayHaveIt,
    }),
    slow: listTrue({
      slow_receive_congestion: outerEcn === ECN.congested && innerEcn !== ECN.congested,
      slow_receive_gso: isGso && inner[9] !== PROTOCOL.tcp,
      slow_receive_room: isGso && inner[9] === PROTOCOL.tcp,
    }),
  };
}

/** Of a frame of 34 bytes or more that the host routed to the overlay device, and is no GSO packet unless said so. */
export function judgeSent(frame: Buffer, peers: readonly Peer[], isGso = false): Judgement {
  if (frame.readUInt16BE(12) !== ETHERTYPE.ipv4)
    return { isOurs: true, flaws: ['drop_not_ipv4'], slow: [] };
  const source = frame.readUInt32BE(26);
  return {
    isOurs: true,
    flaws: listTrue({
      drop_foreign_source: prefixContains(network, source) && !prefixContains(own, source),
      drop_no_peer: holderOf(peers, frame.readUInt32BE(30)) === undefined,
    }),
    slow: listTrue({ slow_send_room: isGso }),
  };
}
