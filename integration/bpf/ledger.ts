/**
 * What the counters should say, beside what they do. Reading them costs more than running a program, so that happens
 * now and then; and for a packet that may be counted in several places, to learn in which it was.
 */
import {
  type CounterName,
  readCounters,
  readTraffic,
  type Traffic,
} from '../../src/bpf/counters.ts';
import { counterNames } from '../../src/bpf/layouts.gen.ts';
import type { OpenMaps } from '../../src/bpf/open_map.ts';
import { slotOf } from '../../src/bpf/peer_maps.ts';
import type { Peer } from '../../src/plan/dataplane.ts';
import { lookupBatch, possibleCpus } from '../../src/sys/bpf.ts';
import type { Traffic as ExpectedTraffic } from './oracle.ts';

export interface Ledger {
  /** Enters what surely rose. */
  expect(counter: CounterName): void;
  expectTraffic(traffic: ExpectedTraffic): void;
  /** Enters the one of several that rose; throws if it was none of them, or more than one. */
  expectOneOf(counters: readonly CounterName[]): CounterName;
  /** Throws where the maps say otherwise, of any counter or slot. */
  verify(): void;
  /** By name, since the ledger was made. */
  totals(): ReadonlyMap<string, number>;
}

export function openLedger(maps: OpenMaps, peers: readonly Peer[]): Ledger {
  const cpus = possibleCpus();
  const keys = Buffer.alloc(4 * counterNames.length);
  const values = Buffer.alloc(8 * cpus * counterNames.length);
  const start = readCounters(maps);
  const expected = { ...start };
  const slots = new Map(peers.map((peer) => [peer.subnet, slotOf(maps, peer.subnet) ?? -1]));
  const startTraffic = readAllTraffic(maps, slots);
  const expectedTraffic = new Map(
    [...startTraffic].map(([subnet, traffic]) => [subnet, { ...traffic }]),
  );
  const read = () => {
    lookupBatch(maps.counters.fd, keys, values, counterNames.length);
    return counterNames.map((_, index) => {
      let sum = 0n;
      for (let cpu = 0; cpu < cpus; cpu += 1)
        sum += values.readBigUInt64LE(8 * (index * cpus + cpu));
      return Number(sum);
    });
  };
  const listRises = () => {
    const actual = read();
    return counterNames.flatMap((name, index) => {
      const rise = (actual[index] ?? 0) - expected[name];
      return rise === 0 ? [] : [{ name, rise }];
    });
  };
  return {
    expect: (counter) => {
      expected[counter] += 1;
    },
    expectTraffic: ({ peer, way, packets, bytes }) => {
      const traffic = expectedTraffic.get(peer.subnet);
      if (!traffic) throw new Error(`nobody holds ${peer.subnet}`);
      traffic[`${way}_packets`] += packets;
      traffic[`${way}_bytes`] += bytes;
    },
    expectOneOf: (counters) => {
      const rises = listRises();
      const [only] = rises;
      if (rises.length !== 1 || only?.rise !== 1 || !counters.includes(only.name))
        throw new Error(`counted ${JSON.stringify(rises)} instead of one of ${counters}`);
      expected[only.name] += 1;
      return only.name;
    },
    verify: () => {
      const rises = listRises();
      if (rises.length > 0)
        throw new Error(`counted ${JSON.stringify(rises)} beyond what is right`);
      for (const [name, traffic] of readAllTraffic(maps, slots)) {
        const [actual, right] = [traffic, expectedTraffic.get(name)].map((t) => JSON.stringify(t));
        if (actual !== right) throw new Error(`traffic of ${name}: ${actual}, not ${right}`);
      }
    },
    totals: () => {
      const counted = counterNames.map((name) => [name, expected[name] - start[name]] as const);
      const carried = [...expectedTraffic].flatMap(([subnet, traffic]) =>
        (['sent_packets', 'received_packets'] as const).map(
          (field) => [field, traffic[field] - (startTraffic.get(subnet)?.[field] ?? 0)] as const,
        ),
      );
      const totals = new Map<string, number>();
      for (const [name, count] of [...counted, ...carried])
        if (count > 0) totals.set(name, (totals.get(name) ?? 0) + count);
      return totals;
    },
  };
}

/** Of the peers, and of the slots beside theirs: those nobody may count in. */
function readAllTraffic(maps: OpenMaps, slots: ReadonlyMap<string, number>): Map<string, Traffic> {
  const names = new Map([...slots].map(([subnet, slot]) => [slot, subnet]));
  const all = new Set(
    [...slots.values()].flatMap((slot) => [Math.max(slot - 1, 0), slot, slot + 1]),
  );
  return new Map(
    [...all].map((slot) => [names.get(slot) ?? `slot ${slot}`, readTraffic(maps, slot)]),
  );
}
