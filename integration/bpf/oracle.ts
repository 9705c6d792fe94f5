/**
 * What the programs may do with a packet, said once more and in no order: a packet with two flaws may be dropped for
 * either. Nothing of it comes from the programs.
 */
import type { CounterName } from '../../src/bpf/counters.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { parsePrefix, prefixMask } from '../../src/net/prefix.ts';
import type { Peer, Settings } from '../../src/plan/dataplane.ts';
import type { Verdict } from './programs.ts';

/** A packet that is to be judged. */
export interface Frame {
  readonly bytes: Buffer;
  readonly length: number;
  readonly mark: number;
  /** In a test run a GSO packet is one of a type that no program can handle; 0: it is none. */
  readonly gsoSize: number;
  /** On the wire. */
  readonly packets: number;
}

export interface Expected {
  readonly verdict: Verdict;
  /** Exactly one of them rises; empty: none. */
  readonly counters: readonly CounterName[];
  /** And one of these beside it. */
  readonly alsoCounts?: readonly CounterName[];
  readonly traffic?: Traffic;
  /** Writes what becomes of the packet, given what did; returns its length. Left out: it stays as it was. */
  readonly write?: (to: Buffer, actual: Buffer) => number;
  /** The endpoint whose MAC is now the frame's source, or that is forgotten. */
  readonly learns?: OracleEndpoint;
  readonly forgets?: OracleEndpoint;
}

export interface Traffic {
  readonly peer: Peer;
  readonly way: 'sent' | 'received';
  readonly packets: number;
  readonly bytes: number;
}

export interface OracleEndpoint {
  readonly address: string;
  readonly mac: string | null;
  readonly gatewayMac: string;
  /** The test run's packets come in on its interface. */
  readonly isHere: boolean;
  /** Its interface exists. */
  readonly isThere: boolean;
}

export const IGNORED: Expected = { verdict: 'handedOn', counters: [] };

export const handOn = (...counters: CounterName[]): Expected => ({ verdict: 'handedOn', counters });
export const dropFor = (counters: readonly CounterName[]): Expected => ({
  verdict: 'dropped',
  counters,
});

/** What the programs are told, with its numbers read. */
export interface World {
  readonly settings: Settings;
  readonly underlayAddress: number;
  readonly deviceMac: Buffer;
  /** Of the leases that have an address, the longest. */
  holderOf(address: number): Peer | undefined;
  hostAt(publicIp: number): Peer | undefined;
  /** Where the programs count for it. */
  slotOf(peer: Peer): number;
  endpointAt(address: number): OracleEndpoint | undefined;
  isInNetwork(address: number): boolean;
  isOwn(address: number): boolean;
}

export function describeWorld(
  settings: Settings,
  peers: readonly Peer[],
  endpoints: readonly OracleEndpoint[],
  slotOf: (subnet: string) => number | null,
): World {
  const inPrefix = (text: string) => {
    const { address, length } = parsePrefix(text);
    const mask = prefixMask(length);
    return (candidate: number) => (candidate & mask) >>> 0 === address;
  };
  const leases = [...peers]
    .sort((a, b) => parsePrefix(b.subnet).length - parsePrefix(a.subnet).length)
    .map((peer) => ({ peer, holds: inPrefix(peer.subnet) }));
  const hosts = new Map(peers.map((peer) => [parseIpv4(peer.publicIp), peer]));
  const slots = new Map(peers.map((peer) => [peer, slotOf(peer.subnet)]));
  const byAddress = new Map(endpoints.map((endpoint) => [parseIpv4(endpoint.address), endpoint]));
  return {
    settings,
    underlayAddress: parseIpv4(settings.underlayAddress),
    deviceMac: Buffer.from(settings.deviceMac.replaceAll(':', ''), 'hex'),
    slotOf: (peer) => slots.get(peer) ?? -1,
    holderOf: (address) => leases.find(({ holds }) => holds(address))?.peer,
    hostAt: (publicIp) => hosts.get(publicIp),
    endpointAt: (address) => byAddress.get(address),
    isInNetwork: inPrefix(settings.network),
    isOwn: inPrefix(settings.ownSubnet),
  };
}

/** The names of the conditions that hold. */
export function listTrue(conditions: Partial<Record<CounterName, boolean>>): CounterName[] {
  const names: CounterName[] = [];
  for (const name in conditions)
    if (conditions[name as CounterName]) names.push(name as CounterName);
  return names;
}

/** RFC 6890, as far as no packet between hosts has such an address. */
export function isMartian(address: number): boolean {
  const first = address >>> 24;
  return first === 0 || first === 127 || (first >= 224 && first <= 239) || address === 0xffffffff;
}

/** Why FastPath leaves a packet whose IPv4 header begins there to the host's stack; never because of NAT. */
export function listHostReasons(world: World, { bytes, length }: Frame, ip: number): CounterName[] {
  const protocol = bytes.readUInt8(ip + 9);
  const hasPorts =
    (protocol === 6 || protocol === 17) &&
    (bytes.readUInt16BE(ip + 6) & 0x3fff) === 0 &&
    ip + 24 <= length;
  return listTrue({
    host_options: bytes[ip] !== 0x45,
    host_ttl: bytes.readUInt8(ip + 8) <= 1,
    host_untracked: world.settings.conntrack && !hasPorts,
  });
}

/** Of a GSO packet, each segment; behind an Ethernet header. */
export function fits({ bytes, length, gsoSize }: Frame, mtu: number): boolean {
  if (gsoSize === 0) return length - 14 <= mtu;
  if (bytes[23] !== 6) return gsoSize + 20 + 8 <= mtu;
  if (length < 14 + 20 + 20) return false;
  return gsoSize + 20 + (bytes.readUInt8(46) >>> 4) * 4 <= mtu;
}

/** As a router does it: RFC 1624 for the checksum, wrong ones staying as wrong. */
export function decrementTtl(packet: Buffer, ip: number): void {
  const sum = packet.readUInt16BE(ip + 10) + 0x100;
  packet.writeUInt16BE((sum + (sum >= 0xffff ? 1 : 0)) & 0xffff, ip + 10);
  packet.writeUInt8((packet.readUInt8(ip + 8) - 1) & 0xff, ip + 8);
}
