/**
 * Peers as the kernel gets them: keys and values packed one after another. Written straight from the texts, without an
 * object for each: fifty thousand of them would take longer than all else.
 */
import { parseIpv4 } from '../net/ipv4.ts';
import { formatMac, writeMac } from '../net/mac.ts';
import type { Peer } from '../plan/dataplane.ts';
import { peerLayout } from './layouts.gen.ts';

export interface PeerRows {
  count: number;
  /** A slot each, as the array has its keys. */
  readonly slots: Buffer;
  /** PublicIPs in network byte order, as `sources` has its keys. */
  readonly addresses: Buffer;
  /** `struct peer` each. */
  readonly values: Buffer;
}

/** One of them, to look at. */
export interface PeerRow {
  readonly slot: number;
  readonly address: number;
  readonly mac: string;
}

/** Room for so many peers. */
export function newRows(most: number): PeerRows {
  return {
    count: 0,
    slots: Buffer.alloc(4 * most),
    addresses: Buffer.alloc(4 * most),
    values: Buffer.alloc(peerLayout.size * most),
  };
}

/** `enum peer_flags` (bpf/include/types.h). */
const PEER_VALID = 1;
export const PEER_DIRECT = 2;

const { address, slot, mac, flags, length } = peerLayout.fields;

/** @param subnetLength of the peer's subnet, in bits */
export function addRow(rows: PeerRows, place: number, subnetLength: number, peer: Peer): void {
  const { values } = rows;
  const publicIp = parseIpv4(peer.publicIp);
  const at = rows.count * peerLayout.size;
  rows.slots.writeUInt32LE(place, 4 * rows.count);
  rows.addresses.writeUInt32BE(publicIp, 4 * rows.count);
  values.writeUInt32BE(publicIp, at + address.offset);
  values.writeUInt32LE(place, at + slot.offset);
  writeMac(peer.mac, values, at + mac.offset);
  values[at + flags.offset] = peer.direct ? PEER_VALID | PEER_DIRECT : PEER_VALID;
  values[at + length.offset] = subnetLength;
  rows.count += 1;
}

export function rowValue({ values }: PeerRows, number: number): Buffer {
  return values.subarray(number * peerLayout.size, (number + 1) * peerLayout.size);
}

/** Which slots rows have. */
export interface RowIndex {
  hasSlot(slot: number): boolean;
  at(slot: number): PeerRow | null;
}

/** Slots are small numbers, so that a table of all is quicker than a map. */
export function indexRows(regular: PeerRows, irregular: PeerRows): RowIndex {
  const both = [regular, irregular];
  const table = new Int32Array(1 + Math.max(...both.map(highestSlot)));
  // One more than its number among all rows; 0: nobody has the slot.
  for (const [part, rows] of both.entries())
    for (let number = 0; number < rows.count; number += 1)
      table[slotAt(rows, number)] = 1 + number + (part === 0 ? 0 : regular.count);
  return {
    hasSlot: (slot) => (table[slot] ?? 0) > 0,
    at(slot) {
      const number = (table[slot] ?? 0) - 1;
      if (number < 0) return null;
      return number < regular.count
        ? rowAt(regular, number)
        : rowAt(irregular, number - regular.count);
    },
  };
}

export function slotsOf(rows: PeerRows): number[] {
  return Array.from({ length: rows.count }, (_, number) => slotAt(rows, number));
}

function slotAt({ slots }: PeerRows, number: number): number {
  return slots.readUInt32LE(4 * number);
}

function highestSlot(rows: PeerRows): number {
  let highest = 0;
  for (let number = 0; number < rows.count; number += 1)
    highest = Math.max(highest, slotAt(rows, number));
  return highest;
}

function rowAt(rows: PeerRows, number: number): PeerRow {
  const value = rowValue(rows, number);
  return {
    slot: value.readUInt32LE(slot.offset),
    address: value.readUInt32BE(address.offset),
    mac: formatMac(value.subarray(mac.offset, mac.offset + 6)),
  };
}
