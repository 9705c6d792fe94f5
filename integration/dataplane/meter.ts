/** What tartan's programs counted while something happened. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Host } from '../../lab/host.ts';
import { waitFor } from '../../lab/ready.ts';
import { type CounterName, readCounters, readTrafficOf } from '../../src/bpf/counters.ts';
import { openMaps } from '../../src/bpf/generation.ts';
import type { OpenMaps } from '../../src/bpf/open_map.ts';
import { listGenerations, pinsOf } from '../../src/bpf/pins.ts';
import type { Carrier } from '../carriers/contract.ts';
import type { Member } from './network.ts';

/** Packets as on the wire, by the other host's name; what did not change is left out. */
export interface Counted {
  sent?: Record<string, number>;
  received?: Record<string, number>;
  /** Drops, slow ways and answers. */
  other?: Partial<Record<CounterName, number>>;
}

/** By host; one where nothing was counted is left out. */
export type CountedByHost = Record<string, Counted>;

/** Opens the maps that a host's programs use now. */
export function openMapsOf(host: Host, network = 'default'): OpenMaps {
  const pins = pinsOf(host.bpffs, network);
  const [generation, ...more] = listGenerations(pins);
  if (generation === undefined || more.length > 0) {
    throw new Error(`host ${host.name} has ${more.length === 0 ? 'no' : 'several'} generations`);
  }
  return openMaps(pins, generation);
}

/** Whose programs count, and which other hosts beside each other they count for. */
export interface Metered {
  /** Default: one with programs. Without, nothing is counted. */
  readonly carrier?: Pick<Carrier, 'programs'>;
  readonly members: readonly Member[];
  readonly others?: readonly Pick<Member, 'name' | 'subnet'>[];
}

/** Runs `action` and says what every host's programs counted meanwhile. */
export async function countDuring(
  metered: Metered,
  action: () => Promise<unknown>,
): Promise<CountedByHost> {
  const meter = startMeter(metered);
  await action();
  return meter.read();
}

/** The same for what nobody answers: waits until the programs have counted what is expected. */
export async function waitForCounts(
  meter: { read(): CountedByHost },
  expected: CountedByHost,
): Promise<void> {
  const limits = { limitSeconds: 3 };
  await waitFor('the packets are counted', () => isDeepStrictEqual(meter.read(), expected), limits)
    // The difference says more than that there is one.
    .catch(() => assert.deepEqual(meter.read(), expected));
}

export function startMeter(metered: Metered): { read(): CountedByHost } {
  const { members, others = [], carrier } = metered;
  if (carrier?.programs === null) return { read: () => ({}) };
  const all = [...members, ...others];
  const before = members.map((member) => readAll(member, all));
  return {
    read() {
      const counted: CountedByHost = {};
      for (const [index, member] of members.entries()) {
        const change = subtract(readAll(member, all), before[index] ?? {});
        if (Object.keys(change).length > 0) counted[member.name] = change;
      }
      return counted;
    },
  };
}

type Reading = Record<string, Record<string, number>>;

function readAll(member: Member, all: readonly Pick<Member, 'name' | 'subnet'>[]): Reading {
  using maps = openMapsOf(member.host);
  const peers = all.filter(({ name }) => name !== member.name);
  const traffic = peers.map(({ name, subnet }) => ({ name, ...readTrafficOf(maps, subnet) }));
  return {
    sent: Object.fromEntries(traffic.map(({ name, sent_packets = 0 }) => [name, sent_packets])),
    received: Object.fromEntries(
      traffic.map(({ name, received_packets = 0 }) => [name, received_packets]),
    ),
    other: readCounters(maps),
  };
}

function subtract(after: Reading, before: Reading): Counted {
  const groups = Object.entries(after).map(([group, values]) => {
    const changed = Object.entries(values)
      .map(([name, value]) => [name, value - (before[group]?.[name] ?? 0)] as const)
      .filter(([, difference]) => difference !== 0);
    return [group, Object.fromEntries(changed)] as const;
  });
  return Object.fromEntries(groups.filter(([, values]) => Object.keys(values).length > 0));
}
