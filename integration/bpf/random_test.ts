/**
 * Random packets beside the oracle: whatever is delivered is good, and whatever is good is delivered or left to the
 * kernel for a stated reason. The seed is printed; SEED=… runs the same packets again.
 */
import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { type CounterName, type Counters, readCounters } from '../../src/bpf/counters.ts';
import { counterNames } from '../../src/bpf/layouts.gen.ts';
import type { Peer, VxlanSettings } from '../../src/plan/state.ts';
import { anyPacket } from './mutations.ts';
import { type Judgement, judgeReceived, judgeSent } from './oracle.ts';
import { ECN, LENGTH, PROTOCOL } from './packets.ts';
import { loadPrograms, missing, nameVerdict, type ProgramName, runProgram } from './programs.ts';
import {
  COVERED,
  IRREGULAR,
  NOBODYS_POD,
  PEER,
  REGULAR,
  received,
  SETTINGS,
  sent,
  tcpPayload,
} from './scene.ts';

const RUNS = 100_000;
const SECONDS = 20;
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const peers = [...REGULAR, ...IRREGULAR];

const RECEIVED = [
  received(),
  received({ inner: { protocol: PROTOCOL.tcp, tos: ECN.capable0 }, payload: tcpPayload() }),
  received({ outer: { source: COVERED.publicIp }, inner: { source: '192.0.2.7' } }),
  received({ outer: { tos: ECN.congested }, inner: { tos: ECN.capable0 } }),
];
const SENT = [
  sent(),
  sent({ protocol: PROTOCOL.tcp }, tcpPayload()),
  sent({ destination: NOBODYS_POD }),
  sent({ options: Buffer.alloc(40, 1) }),
];

/** A GSO packet is one of a type that no program can handle. */
const aPacket = (bases: readonly Buffer[]) =>
  fc.tuple(
    anyPacket(bases),
    fc.integer({ min: 0, max: 7 }).map((chance) => chance === 0),
  );

describe('random packets', { skip: missing() }, () => {
  const programs = loadPrograms({ peers });
  after(() => programs[Symbol.dispose]());
  let counters: Counters = readCounters(programs.maps);

  /** Runs a program and tells what became of the packet, and which counters rose. */
  function run(program: ProgramName, packet: Buffer, isGso: boolean) {
    const context = isGso ? { gsoSize: 50, gsoSegments: 2 } : undefined;
    const result = runProgram(programs.programFd(program), packet, context);
    const before = counters;
    counters = readCounters(programs.maps);
    const rises = counterNames.filter((name) => counters[name] !== before[name]);
    for (const name of rises) assert.equal(counters[name] - before[name], 1, name);
    return { verdict: nameVerdict(result.verdict), packet: result.packet, rises };
  }

  function check(t: TestContext, property: fc.IRawProperty<unknown>) {
    t.diagnostic(`seed ${seed}`);
    fc.assert(property, { seed, numRuns: RUNS, interruptAfterTimeLimit: SECONDS * 1000 });
  }

  it('are received by the rules', (t) => {
    const seen = new Map<string, number>();
    check(
      t,
      fc.property(aPacket(RECEIVED), ([packet, isGso]) => {
        const judgement = judgeReceived(packet, peers, isGso);
        const { verdict, packet: out, rises } = run('vxlan_receive', packet, isGso);
        tally(seen, `${verdict} ${rises.join(' ')}`);
        const { isOurs, bystander } = judgement;
        if (!isOurs) assert.deepEqual([verdict, rises], ['handedOn', bystander ? [bystander] : []]);
        else assertFollows(judgement, verdict, rises);
        if (verdict === 'redirected') assert.deepEqual(out, packet.subarray(LENGTH.overhead));
        if (verdict === 'handedOn') assert.deepEqual(out, packet);
      }),
    );
    t.diagnostic(format(seen));
  });

  it('are sent by the rules', (t) => {
    const seen = new Map<string, number>();
    check(
      t,
      fc.property(aPacket(SENT), ([packet, isGso]) => {
        const judgement = judgeSent(packet, peers, isGso);
        const { verdict, packet: out, rises } = run('vxlan_send', packet, isGso);
        tally(seen, `${verdict} ${rises.join(' ')}`);
        if (rises.includes('answer_unreachable')) {
          assert(judgement.flaws.includes('drop_no_peer'));
          assert.deepEqual(
            [verdict, rises],
            ['redirected', ['drop_no_peer', 'answer_unreachable']],
          );
          return;
        }
        assertFollows(judgement, verdict, rises);
        if (verdict === 'redirected')
          assert.deepEqual(out.subarray(14 + LENGTH.overhead), packet.subarray(14));
      }),
    );
    t.diagnostic(format(seen));
  });

  function assertFollows(
    { flaws, slow }: Judgement,
    verdict: string,
    rises: readonly CounterName[],
  ): void {
    if (flaws.length + slow.length === 0) {
      assert.deepEqual([verdict, rises], ['redirected', []]);
      return;
    }
    const [expected, reasons] = flaws.length > 0 ? ['dropped', flaws] : ['handedOn', slow];
    assert.equal(verdict, expected, `because of ${reasons}`);
    assert.equal(rises.length, 1, `counted: ${rises}`);
    assert(rises[0] && reasons.includes(rises[0]), `${rises} is none of ${reasons}`);
  }
});

describe('a packet sent and received', { skip: missing() }, () => {
  const here: Peer = {
    subnet: SETTINGS.ownSubnet,
    publicIp: SETTINGS.underlayAddress,
    mac: SETTINGS.deviceMac,
  };
  const there: VxlanSettings = {
    ...SETTINGS,
    ownSubnet: PEER.subnet,
    underlayAddress: PEER.publicIp,
    deviceMac: PEER.mac,
  };

  it('is the packet that it was, whatever it is', (t) => {
    using sender = loadPrograms();
    using receiver = loadPrograms({ settings: there, peers: [here] });
    const fields = fc.record({
      tos: fc.nat({ max: 255 }),
      ttl: fc.nat({ max: 255 }),
      id: fc.nat({ max: 0xffff }),
      protocol: fc.nat({ max: 255 }),
      options: fc.nat({ max: 10 }).map((words) => Buffer.alloc(4 * words, 1)),
      dontFragment: fc.boolean(),
      moreFragments: fc.boolean(),
      fragmentOffset: fc.nat({ max: 0x1fff }).map((units) => 8 * units),
    });
    const payload = fc.uint8Array({ maxLength: 1400 }).map((bytes) => Buffer.from(bytes));
    t.diagnostic(`seed ${seed}`);
    fc.assert(
      fc.property(fields, payload, (ip, bytes) => {
        const packet = sent(ip, bytes);
        const onWire = runProgram(sender.programFd('vxlan_send'), packet);
        assert.equal(nameVerdict(onWire.verdict), 'redirected');
        const arrived = runProgram(receiver.programFd('vxlan_receive'), onWire.packet);
        assert.equal(nameVerdict(arrived.verdict), 'redirected');
        assert.deepEqual(arrived.packet.subarray(14), packet.subarray(14));
      }),
      { seed, numRuns: 5000, interruptAfterTimeLimit: SECONDS * 1000 },
    );
  });
});

function tally(seen: Map<string, number>, what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

function format(seen: ReadonlyMap<string, number>): string {
  return [...seen].map(([what, count]) => `${what.trim()}: ${count}`).join(', ');
}
