/**
 * The programs, loaded but attached nowhere, and what one packet does to them: BPF_PROG_TEST_RUN. Their maps are
 * written by the same functions that `join` uses.
 */
import { existsSync } from 'node:fs';
import {
  type CounterName,
  readCounters,
  readTraffic,
  type Traffic,
} from '../../src/bpf/counters.ts';
import { writeEndpoints } from '../../src/bpf/endpoint_map.ts';
import { counterNames, mapLayouts } from '../../src/bpf/layouts.gen.ts';
import { builtObjects, objectPath, programNames } from '../../src/bpf/object_file.ts';
import type { MapName, OpenMaps } from '../../src/bpf/open_map.ts';
import { readPeers, slotOf, writePeers } from '../../src/bpf/peer_maps.ts';
import { type DeviceIndexes, writeSettings } from '../../src/bpf/settings.ts';
import type { Endpoint, ObjectName, Peer, Settings } from '../../src/plan/dataplane.ts';
import {
  lookupElement,
  possibleCpus,
  readMapInfo,
  testRun,
  updateElement,
} from '../../src/sys/bpf.ts';
import { loadObject } from '../../src/sys/libbpf.ts';
import { lacks } from '../lifecycle/support.ts';
import { type ContextFields, encodeContext } from './context.ts';
import { DEVICES, REGULAR, SETTINGS } from './scene.ts';

export type ProgramName =
  | (typeof programNames)[number]
  | 'host_gw_receive'
  | 'udp_send'
  | 'udp_resend'
  | 'udp_receive'
  | 'udp_deliver';

/** <linux/pkt_cls.h>: TC_ACT_UNSPEC, TC_ACT_SHOT, TC_ACT_REDIRECT. */
export const VERDICT = { handedOn: -1, dropped: 2, redirected: 7 } as const;
export type Verdict = keyof typeof VERDICT;

/** What one packet did, beside what became of it. Only what rose is listed. */
export interface Effects {
  readonly verdict: Verdict;
  readonly counters: Partial<Record<CounterName, number>>;
  /** By the peer's subnet. */
  readonly traffic: Readonly<Record<string, Partial<Traffic>>>;
}

export interface Outcome {
  readonly effects: Effects;
  readonly packet: Buffer;
}

/** An object to test in the place of the one that `make bpf` builds. */
const OBJECT = process.env.TARTAN_BPF_OBJECT ?? objectPath('vxlan');

export interface Programs extends Disposable {
  readonly maps: OpenMaps;
  programFd(program: ProgramName): number;
  run(program: ProgramName, packet: Buffer, context?: ContextFields): Outcome;
}

/** For `describe(…, { skip })`: false, or what this machine lacks. A skip is a failure where CI=true. */
export function missing(...commands: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(OBJECT)) return `needs ${OBJECT}: make bpf`;
  return lacks(...commands);
}

export interface ProgramsOptions {
  /** Default: vxlan. */
  readonly object?: ObjectName;
  /** null: they are never written, and the tunnel is closed. */
  readonly settings?: Settings | null;
  readonly peers?: readonly Peer[];
  readonly endpoints?: readonly Endpoint[];
  readonly devices?: DeviceIndexes;
}

/** Loads the programs with maps of their own. */
export function loadPrograms(options: ProgramsOptions = {}): Programs {
  const { settings = SETTINGS, peers = REGULAR, endpoints = [], devices = DEVICES } = options;
  const mapNames = Object.keys(mapLayouts) as MapName[];
  const { object: name = 'vxlan' } = options;
  const { path, programs } =
    name === 'vxlan' ? { path: OBJECT, programs: programNames } : builtObjects[name];
  const object = loadObject({ path, maxEntries: {}, maps: mapNames, programs });
  const entries = mapNames.map((name) => {
    const fd = object.mapFd(name);
    return [name, { fd, ...readMapInfo(fd) }];
  });
  const maps: OpenMaps = { ...Object.fromEntries(entries), [Symbol.dispose]: () => {} };
  if (settings) {
    writeSettings(maps, settings, devices);
    writePeers(maps, peers);
    writeEndpoints(maps, endpoints, devices);
  }
  return {
    maps,
    programFd: (program) => object.programFd(program),
    run: (program, packet, context) =>
      observe(maps, () => runProgram(object.programFd(program), packet, context)),
    [Symbol.dispose]: () => object.close(),
  };
}

export function runProgram(fd: number, packet: Buffer, context?: ContextFields) {
  return testRun(fd, packet, context && encodeContext(context));
}

/** What a run changed in the counters. */
export function observe(maps: OpenMaps, run: () => ReturnType<typeof testRun>): Outcome {
  const countersBefore = readCounters(maps);
  const trafficBefore = readAllTraffic(maps);
  const { verdict, packet } = run();
  const countersAfter = readCounters(maps);
  const counters: Partial<Record<CounterName, number>> = {};
  for (const name of counterNames) {
    const rise = countersAfter[name] - countersBefore[name];
    if (rise !== 0) counters[name] = rise;
  }
  const traffic: Record<string, Partial<Traffic>> = {};
  for (const [subnet, after] of readAllTraffic(maps)) {
    const before = trafficBefore.get(subnet);
    const risen = (Object.keys(after) as (keyof Traffic)[])
      .map((field) => [field, after[field] - (before?.[field] ?? 0)] as const)
      .filter(([, rise]) => rise !== 0);
    if (risen.length > 0) traffic[subnet] = Object.fromEntries(risen);
  }
  return { effects: { verdict: nameVerdict(verdict), counters, traffic }, packet };
}

export function nameVerdict(verdict: number): Verdict {
  for (const [name, value] of Object.entries(VERDICT)) {
    if (value === verdict) return name as Verdict;
  }
  throw new Error(`verdict ${verdict}: the programs have no such one`);
}

/** Of every slot that a program could count in by mistake: those of the array, and as many behind it. */
function readAllTraffic(maps: OpenMaps): Map<string, Traffic> {
  const names = new Map(
    [...readPeers(maps).keys()].map((subnet) => [slotOf(maps, subnet), subnet]),
  );
  return new Map(
    Array.from({ length: 2 * SETTINGS.subnetCount }, (_, slot) => [
      names.get(slot) ?? `slot ${slot}`,
      readTraffic(maps, slot),
    ]),
  );
}

/** Sets when each CPU last answered with host-unreachable: nanoseconds of CLOCK_MONOTONIC, 0: never. */
export function setLastAnswer(maps: OpenMaps, nanoseconds: bigint): void {
  const value = Buffer.alloc(8 * possibleCpus());
  for (let at = 0; at < value.length; at += 8) value.writeBigUInt64LE(nanoseconds, at);
  updateElement(maps.last_answer.fd, Buffer.alloc(4), value);
}

/** When a CPU answered last, whichever it was. */
export function readLastAnswer(maps: OpenMaps): bigint {
  const value = Buffer.alloc(8 * possibleCpus());
  lookupElement(maps.last_answer.fd, Buffer.alloc(4), value);
  let last = 0n;
  for (let at = 0; at < value.length; at += 8) {
    const answered = value.readBigUInt64LE(at);
    if (answered > last) last = answered;
  }
  return last;
}
