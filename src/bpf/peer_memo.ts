import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix, prefixOf } from '../net/prefix.ts';
import type { Peer } from '../plan/dataplane.ts';
import { peerLayout } from './layouts.gen.ts';
import type { PeerStruct } from './peer_entries.ts';
import { PEER_DIRECT } from './peer_rows.ts';
import { decodeStruct } from './struct_codec.ts';

/** A peer, and the octets that it was made of. */
interface Memo {
  readonly address: number;
  readonly macHigh: number;
  readonly macLow: number;
  readonly flags: number;
  readonly peer: Peer;
}

/** By subnet, a number. */
const memos = new Map<number, Memo>();

/** Above any length of a prefix. */
const LENGTHS = 64;

const { address, mac, flags } = peerLayout.fields;

/**
 * The peer of a subnet by its `struct peer`. Where that is what it was when it was read last, the peer is the same object:
 * all are read every few seconds, and hardly one of thousands has changed.
 * @param subnet its first address
 */
export function peerOf(subnet: number, length: number, values: Buffer, at: number): Peer {
  const key = subnet * LENGTHS + length;
  const known = memos.get(key);
  const publicIp = values.readUInt32BE(at + address.offset);
  const macHigh = values.readUInt32BE(at + mac.offset);
  const macLow = values.readUInt16BE(at + mac.offset + 4);
  const flagsNow = values.readUInt8(at + flags.offset);
  if (
    known?.address === publicIp &&
    known.macHigh === macHigh &&
    known.macLow === macLow &&
    known.flags === flagsNow
  ) {
    return known.peer;
  }
  const text = formatPrefix(prefixOf(subnet, length));
  const peer = toPeer(text, decodeStruct(peerLayout, values, at));
  memos.set(key, { address: publicIp, macHigh, macLow, flags: flagsNow, peer });
  return peer;
}

/** Those of subnets that are nobody's any more go, now and then: they are no more than those of so many peers. */
export function keepFew(peers: number): void {
  if (memos.size > 2 * peers) memos.clear();
}

export function toPeer(subnet: string, { address, mac, flags }: PeerStruct): Peer {
  const peer = { subnet, publicIp: formatIpv4(address), mac };
  return flags & PEER_DIRECT ? { ...peer, direct: true } : peer;
}
