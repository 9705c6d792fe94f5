/** What the programs counted: sums over the CPUs. */
import { lookupElement, possibleCpus, readBatches } from '../sys/bpf.ts';
import { counterNames, trafficLayout } from './layouts.gen.ts';
import { indexKey, type OpenMaps } from './open_map.ts';
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
export function readTraffic({ peer_counters }: OpenMaps, slot: number): Traffic {
  const value = Buffer.alloc(trafficLayout.size * possibleCpus());
  return lookupTraffic(peer_counters.fd, slot, value);
}

/** One system call costs as much as this many bytes in a batch. */
const CALL_COSTS_BYTES = 2048;

/**
 * Traffic of many slots, in no order: of each alone, or of the whole map where that is less work. Whoever goes through it
 * may pause.
 * @param wanted by slot, what it is to be called
 */
export function* readTrafficOfAll<T>(
  { peer_counters: { fd, keySize, maxEntries } }: OpenMaps,
  wanted: ReadonlyMap<number, T>,
): Generator<readonly [T, Traffic]> {
  const valueBytes = trafficLayout.size * possibleCpus();
  if (maxEntries * valueBytes > wanted.size * CALL_COSTS_BYTES) {
    const value = Buffer.alloc(valueBytes);
    for (const [slot, name] of wanted) yield [name, lookupTraffic(fd, slot, value)];
    return;
  }
  for (const { keys, values, count } of readBatches(fd, keySize, valueBytes)) {
    for (let at = 0; at < count; at += 1) {
      const name = wanted.get(keys.readUInt32LE(at * keySize));
      if (name === undefined) continue;
      yield [name, sumTraffic(values.subarray(at * valueBytes, (at + 1) * valueBytes))];
    }
  }
}

function lookupTraffic(fd: number, slot: number, value: Buffer): Traffic {
  if (!lookupElement(fd, indexKey(slot), value)) value.fill(0);
  return sumTraffic(value);
}

/** Of all CPUs' parts; of each only what is counted is decoded. */
function sumTraffic(value: Buffer): Traffic {
  const { fields, size } = trafficLayout;
  const sumOf = ({ offset }: { readonly offset: number }) => {
    let sum = 0;
    for (let at = offset; at < value.length; at += size)
      sum += value.readUInt32LE(at) + value.readUInt32LE(at + 4) * 2 ** 32;
    return sum;
  };
  return {
    sent_packets: sumOf(fields.sent_packets),
    sent_bytes: sumOf(fields.sent_bytes),
    received_packets: sumOf(fields.received_packets),
    received_bytes: sumOf(fields.received_bytes),
  };
}

/** Traffic with the host that holds a subnet; null: nobody does. */
export function readTrafficOf(maps: OpenMaps, subnet: string): Traffic | null {
  const slot = slotOf(maps, subnet);
  return slot === null ? null : readTraffic(maps, slot);
}
