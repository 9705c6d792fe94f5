/** One random packet: run, and compared with the oracle. */
import assert from 'node:assert/strict';
import { slotOf } from '../../src/bpf/peer_maps.ts';
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { lookupBatch } from '../../src/sys/bpf.ts';
import { type Target, TUNNEL_SOURCES } from './fuzz_targets.ts';
import { openLedger } from './ledger.ts';
import { changeEndpoint, readEndpoint } from './memory.ts';
import { writeRandomPacket } from './mutations.ts';
import { describeWorld, type Expected, type Frame, type OracleEndpoint } from './oracle.ts';
import { hasValidChecksum } from './packets.ts';
import { loadPrograms, type Programs, VERDICT } from './programs.ts';
import { makeQuickRunner, type QuickRunner } from './quick_run.ts';
import type { Random } from './random.ts';
import { ENDPOINTS, GATEWAY_MAC, IRREGULAR, POD_MAC, REGULAR, SILENT } from './scene.ts';
import { loadStage } from './stage.ts';

/** <linux/bpf.h>: XDP_DROP, XDP_PASS, XDP_REDIRECT. */
const XDP_VERDICT = { dropped: 1, handedOn: 2, redirected: 4 } as const;
const GSO_SEGMENTS = 2;

export interface Fuzzer extends Disposable {
  /** Makes and runs one packet; throws where something is not right that shows at once. */
  step(random: Random): void;
  /** Throws where something has been counted, or is remembered, that is not right. */
  verify(): void;
  /** Throws where a program has written what is not its own. */
  verifySettled(): void;
  totals(): ReadonlyMap<string, number>;
  /** A message with the last packet. */
  describe(message: string): string;
}

export function makeFuzzer(target: Target): Fuzzer {
  using cleanUp = new DisposableStack();
  const { settings, program, object = 'vxlan', peers = [...REGULAR, ...IRREGULAR] } = target;
  const programs = cleanUp.use(loadPrograms({ object, settings, peers, endpoints: ENDPOINTS }));
  const { maps } = programs;
  const endpoints = ENDPOINTS.map(({ address, device }): OracleEndpoint => {
    const [isHere, mac] = [device === 'lo', address === SILENT.address ? null : POD_MAC];
    if (mac) changeEndpoint(maps, address, { mac });
    return { address, mac, gatewayMac: GATEWAY_MAC, isHere, isThere: isHere };
  });
  const settled = dumpSettled(programs, object);
  const world = describeWorld(settings, peers, endpoints, (subnet) => slotOf(maps, subnet));
  const ledger = openLedger(maps, peers);
  const isXdp = program === 'vxlan_strip';
  const isStaged = program === 'vxlan_check';
  const fd = isStaged
    ? cleanUp.use(loadStage(programs)).programFor(program)
    : programs.programFd(program);
  const runner = makeQuickRunner(fd, isXdp ? 'xdp' : 'tc');
  const verdicts = isXdp ? XDP_VERDICT : VERDICT;
  const right = Buffer.alloc(runner.output.length);
  const learned = new Map<string, string>();
  let last: { frame: Frame; tunnelSource: number } | undefined;

  const dress = (random: Random, length: number): Frame => {
    const gsoSize = isXdp || !random.once(8) ? 0 : random.pick([1, 50, 1410, 1411, 1422, 1423]);
    const mark = random.once(4) ? random.below(2 ** 32) : 0;
    const packets = gsoSize > 0 ? GSO_SEGMENTS : 1;
    return { bytes: runner.input, length, mark, gsoSize, packets };
  };

  const step = (random: Random) => {
    const frame = dress(random, writeRandomPacket(random, target.bases, runner.input));
    const tunnelSource = random.pick(TUNNEL_SOURCES);
    last = { frame, tunnelSource };
    const { mark, gsoSize } = frame;
    if (!isXdp) {
      const cb = isStaged ? { cb: [0, tunnelSource, 0, 0, 0] } : {};
      runner.setContext({ mark, gsoSize, gsoSegments: gsoSize > 0 ? GSO_SEGMENTS : 0, ...cb });
    }
    if (target.leavesOut?.(world, frame)) return;
    const expected = target.judge(world, frame, tunnelSource);
    const verdict = runner.run(frame.length);
    try {
      if (expected.counters.includes('drop_no_peer') && verdict === verdicts.redirected) {
        assertAnswer(runner, frame);
        ledger.expect('drop_no_peer');
        ledger.expect('answer_unreachable');
        return;
      }
      if (verdict !== verdicts[expected.verdict])
        throw new Error(`verdict ${verdict}, expected ${expected.verdict} ${expected.counters}`);
      assertOutput(runner, frame, expected, right);
      for (const counters of [expected.counters, expected.alsoCounts ?? []]) {
        const [only] = counters;
        if (only && counters.length === 1) ledger.expect(only);
      }
      const ambiguous = [expected.counters, expected.alsoCounts ?? []].find(
        ({ length }) => length > 1,
      );
      if (ambiguous) ledger.expectOneOf(ambiguous);
      if (expected.traffic) ledger.expectTraffic(expected.traffic);
      if (expected.learns) learned.set(expected.learns.address, readSource(runner.input));
      if (expected.forgets) remember(programs, expected.forgets);
    } catch (cause) {
      throw new Error(describe((cause as Error).message), { cause });
    }
  };

  const describe = (message: string) => {
    if (!last) return message;
    const { frame, tunnelSource } = last;
    const { bytes, length, ...context } = frame;
    const from = isStaged ? ` from ${formatIpv4(tunnelSource)}` : '';
    const packet = bytes.toString('hex', 0, length);
    return `${target.name}: ${message}\n${packet}${from} ${JSON.stringify(context)}`;
  };

  const kept = cleanUp.move();
  return {
    step,
    describe,
    verify: () => {
      ledger.verify();
      for (const [address, mac] of learned)
        assert.equal(readEndpoint(maps, address).mac.replaceAll(':', ''), mac, `MAC of ${address}`);
    },
    verifySettled: () => assert.deepEqual(dumpSettled(programs, object), settled),
    totals: ledger.totals,
    [Symbol.dispose]: () => kept.dispose(),
  };
}

const readSource = (frame: Buffer) => frame.toString('hex', 6, 12);

function assertOutput(runner: QuickRunner, frame: Frame, expected: Expected, right: Buffer): void {
  const { input, output } = runner;
  const length = expected.write?.(right, output) ?? frame.length;
  const wanted = expected.write ? right : input;
  const actualLength = runner.outputLength();
  if (actualLength === length && output.compare(wanted, 0, length, 0, length) === 0) return;
  const [actual, good] = [
    output.toString('hex', 0, actualLength),
    wanted.toString('hex', 0, length),
  ];
  throw new Error(`became ${actual}\ninstead of ${good}`);
}

/** The bytes that a program may not change: all that makes one answer another is tried elsewhere. */
function assertAnswer({ output, outputLength }: QuickRunner, { bytes }: Frame): void {
  const answer = output.subarray(0, outputLength());
  assert(hasValidChecksum(answer.subarray(14, 34)), 'IP checksum of the answer');
  assert(hasValidChecksum(answer.subarray(34)), 'ICMP checksum of the answer');
  assert.equal(answer.readUInt16BE(16), answer.length - 14, 'length of the answer');
  assert.equal(answer.readUInt32BE(30), bytes.readUInt32BE(26), 'destination of the answer');
  assert.deepEqual([answer[34], answer[35]], [3, 1], 'host unreachable');
}

/** For the next packet: its interface is still not there. */
function remember({ maps }: Programs, { address }: OracleEndpoint): void {
  assert.equal(readEndpoint(maps, address).address, 0, `${address} is forgotten`);
  changeEndpoint(maps, address, { address: parseIpv4(address) });
}

/** What only user space writes: udp remembers of a peer where its end is. */
function dumpSettled({ maps }: Programs, object: string): string[] {
  const settled = object === 'udp' ? [maps.settings_map] : [maps.settings_map, maps.peers];
  return settled.map(({ fd, maxEntries }) => {
    const values = Buffer.alloc(128 * maxEntries);
    lookupBatch(fd, Buffer.alloc(4 * maxEntries), values, maxEntries);
    return values.toString('hex');
  });
}
