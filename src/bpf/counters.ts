/** What the programs counted: sums over the CPUs. */
import { lookupElement, possibleCpus } from '../sys/bpf.ts';
import { counterNames, trafficLayout } from './layouts.gen.ts';
import type { OpenMaps } from './open_map.ts';
import { slotOf } from './peer_maps.ts';
import type { StructOf } from './struct_codec.ts';

export type CounterName = (typeof counterNames)[number];
export type Counters = Record<CounterName, number>;

/** Packets as on the wire, bytes of the inner IP packets. */
export type Traffic = Pick<
  StructOf<typeof trafficLayout>,
  'sent_packets' | 'sent_bytes' | 'received_packets' | 'received_bytes'
>;

/** Drops by reason, and packets that the kernel's device took over. */
export function readCounters(maps: OpenMaps): Counters {
  const value = Buffer.alloc(8 * possibleCpus());
  const key = Buffer.alloc(4);
  const counts = counterNames.map((name, index) => {
    key.writeUInt32LE(index);
    lookupElement(maps.counters.fd, key, value);
    let sum = 0n;
    for (let at = 0; at < value.length; at += 8) sum += value.readBigUInt64LE(at);
    return [name, Number(sum)];
  });
  return Object.fromEntries(counts);
}

/** Traffic of one slot of `peer_counters`. */
export function readTraffic(maps: OpenMaps, slot: number): Traffic {
  return trafficReader(maps)(slot);
}

/** The same for many slots: of each, only what is counted is decoded. */
export function trafficReader(maps: OpenMaps): (slot: number) => Traffic {
  const { fields, size } = trafficLayout;
  const value = Buffer.alloc(size * possibleCpus());
  const key = Buffer.alloc(4);
  const sumOf = ({ offset }: { readonly offset: number }) => {
    let sum = 0;
    for (let at = offset; at < value.length; at += size)
      sum += value.readUInt32LE(at) + value.readUInt32LE(at + 4) * 2 ** 32;
    return sum;
  };
  return (slot) => {
    key.writeUInt32LE(slot);
    if (!lookupElement(maps.peer_counters.fd, key, value)) value.fill(0);
    return {
      sent_packets: sumOf(fields.sent_packets),
      sent_bytes: sumOf(fields.sent_bytes),
      received_packets: sumOf(fields.received_packets),
      received_bytes: sumOf(fields.received_bytes),
    };
  };
}

/** Traffic with the host that holds a subnet; null: nobody does. */
export function readTrafficOf(maps: OpenMaps, subnet: string): Traffic | null {
  const slot = slotOf(maps, subnet);
  return slot === null ? null : readTraffic(maps, slot);
}
