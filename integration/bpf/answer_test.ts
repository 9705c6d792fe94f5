import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { fewer } from '../../lab/patience.ts';
import { assertDropped } from './expect.ts';
import { assertGolden } from './golden.ts';
import { hasValidChecksum, icmp, LENGTH, letters, PROTOCOL, withBytes } from './packets.ts';
import {
  loadPrograms,
  missing,
  type Outcome,
  observe,
  readLastAnswer,
  runProgram,
  setLastAnswer,
} from './programs.ts';
import {
  NOBODYS_POD,
  OWN_POD,
  type PacketChanges,
  SETTINGS,
  sent,
  tcpPayload,
  udpPayload,
} from './scene.ts';

const SHORT_QUOTE = 28;
const LONG_QUOTE = 68;
const MILLISECOND = 1_000_000n;
/** A machine that is busy with other things has a quick moment among so many. */
const MOST_ATTEMPTS = 200;

/** ICMP messages (RFC 792), by whether RFC 1122 lets a host answer them with an error. */
const REQUESTS = { echo: 8, timestamp: 13 };
const NO_REQUESTS = {
  'echo reply': 0,
  unreachable: 3,
  'source quench': 4,
  redirect: 5,
  'time exceeded': 11,
  'parameter problem': 12,
  'timestamp reply': 14,
  unknown: 255,
};

const NO_OPERATIONS = (length: number) => Buffer.alloc(length, 1);

describe('vxlan_send, where nobody holds the destination', { skip: missing() }, () => {
  const programs = loadPrograms();
  after(() => programs[Symbol.dispose]());
  beforeEach(() => setLastAnswer(programs.maps, 0n));
  const send = (packet: Buffer) => programs.run('vxlan_send', packet);
  const unheld = (changes: PacketChanges = {}, payload?: Buffer) =>
    sent({ destination: NOBODYS_POD, ...changes }, payload);

  function assertAnswered({ effects, packet }: Outcome, offending: Buffer, quote: number): void {
    assert.deepEqual(effects, {
      verdict: 'redirected',
      counters: { drop_no_peer: 1, answer_unreachable: 1 },
      traffic: {},
    });
    const ip = packet.subarray(14);
    const message = ip.subarray(LENGTH.ipv4);
    assert.equal(ip.readUInt16BE(2), ip.length, 'total length');
    assert(hasValidChecksum(ip.subarray(0, LENGTH.ipv4)), 'IP header checksum');
    assert(hasValidChecksum(message), 'ICMP checksum');
    assert.deepEqual(message.subarray(8), offending.subarray(14, 14 + quote), 'the quote');
  }

  const answered: Record<string, [packet: Buffer, quote: number]> = {
    udp: [unheld(), LONG_QUOTE],
    tcp: [unheld({ protocol: PROTOCOL.tcp }, tcpPayload()), LONG_QUOTE],
    'a long packet': [unheld({}, udpPayload(1400)), LONG_QUOTE],
    'a first fragment': [unheld({ moreFragments: true }), LONG_QUOTE],
    'just enough for a long quote': [unheld({}, letters(48)), LONG_QUOTE],
    'one byte less than a long quote': [unheld({}, letters(47)), SHORT_QUOTE],
    'just enough for a short quote': [unheld({}, letters(8)), SHORT_QUOTE],
    'few options': [unheld({ options: NO_OPERATIONS(4) }, letters(44)), LONG_QUOTE],
    'as many options as there can be': [
      unheld({ options: NO_OPERATIONS(40) }, letters(8)),
      LONG_QUOTE,
    ],
    'an own source outside the network': [unheld({ source: '192.0.2.17' }), LONG_QUOTE],
  };
  for (const [name, [packet, quote]] of Object.entries(answered)) {
    it(`answers ${name}`, () => {
      const outcome = send(packet);
      assertAnswered(outcome, packet, quote);
      assertGolden(`answer_${name.replaceAll(/[^a-z]+/g, '_')}`, outcome.packet);
    });
  }

  it('answers in the name of the VTEP that is missing, whatever the subnet', () => {
    const { packet } = send(unheld({ destination: '10.5.255.254' }));
    assert.equal(packet.subarray(26, 30).join('.'), '10.5.255.0');
    assert.equal(packet.subarray(30, 34).join('.'), OWN_POD);
  });

  it('addresses the answer to the device itself, whatever the frame was', () => {
    const frame = withBytes(
      unheld(),
      0,
      Array.from({ length: 12 }, () => 0x06),
    );
    const { packet } = send(frame);
    const device = SETTINGS.deviceMac.replaceAll(':', '');
    assert.equal(packet.toString('hex', 0, 14), `${device}${device}0800`);
  });

  it('answers with right checksums whatever it quotes', () => {
    for (let seed = 0; seed < fewer(500); seed += 1) {
      setLastAnswer(programs.maps, 0n);
      const payload = Buffer.from(letters(60).map((byte, at) => byte * seed + at * at));
      const packet = unheld({ id: seed * 31, tos: seed & 0xff }, payload);
      assertAnswered(send(packet), packet, LONG_QUOTE);
    }
  });

  it('folds the checksum of what sums up to many carries', () => {
    for (const byte of [0x00, 0xff]) {
      setLastAnswer(programs.maps, 0n);
      const packet = withBytes(unheld({}, Buffer.alloc(64, byte)), 16, [byte, byte, byte, byte]);
      assertAnswered(send(packet), packet, LONG_QUOTE);
    }
  });

  for (const [name, type] of Object.entries(REQUESTS)) {
    it(`answers an ICMP ${name}`, () => {
      const packet = unheld({ protocol: PROTOCOL.icmp }, icmp({ type }, letters(56)));
      assertAnswered(send(packet), packet, LONG_QUOTE);
    });
  }

  it('finds the ICMP type behind IP options', () => {
    const options = NO_OPERATIONS(8);
    const request = unheld({ protocol: PROTOCOL.icmp, options }, icmp({ type: 8 }, letters(56)));
    assertAnswered(send(request), request, LONG_QUOTE);
    setLastAnswer(programs.maps, 0n);
    const error = unheld({ protocol: PROTOCOL.icmp, options }, icmp({ type: 3 }, letters(56)));
    assertDropped(send(error), 'drop_no_peer');
  });

  const unanswered: Record<string, Buffer> = {
    'a packet too short to be quoted': unheld({}, letters(7)),
    'a short packet with options': unheld({ options: NO_OPERATIONS(4) }, letters(43)),
    'a later fragment': unheld({ fragmentOffset: 8 }),
    'the farthest fragment': unheld({ fragmentOffset: 0x1fff * 8 }),
    'an ICMP packet without a type': unheld({ protocol: PROTOCOL.icmp }, Buffer.alloc(0)),
    'the source 0.0.0.0': unheld({ source: '0.0.0.0' }),
    'a loopback source': unheld({ source: '127.0.0.1' }),
    'the last loopback source': unheld({ source: '127.255.255.255' }),
    'a multicast source': unheld({ source: '224.0.0.0' }),
    'a reserved source': unheld({ source: '240.0.0.1' }),
    'the broadcast address as source': unheld({ source: '255.255.255.255' }),
    ...Object.fromEntries(
      Object.entries(NO_REQUESTS).map(([name, type]) => [
        `an ICMP ${name}`,
        unheld({ protocol: PROTOCOL.icmp }, icmp({ type }, letters(56))),
      ]),
    ),
  };
  for (const [name, packet] of Object.entries(unanswered)) {
    it(`drops ${name} without an answer`, () => {
      const outcome = send(packet);
      assertDropped(outcome, 'drop_no_peer');
      assert.deepEqual(outcome.packet, packet);
    });
  }

  for (const source of ['223.255.255.255', '126.255.255.255', '128.0.0.0', '0.0.0.1']) {
    it(`answers the unicast source ${source}`, () => {
      const packet = unheld({ source });
      assertAnswered(send(packet), packet, LONG_QUOTE);
    });
  }

  it('answers again after a millisecond', () => {
    setLastAnswer(programs.maps, 0n);
    assert.equal(send(unheld()).effects.verdict, 'redirected');
    const later = sendAfter(MILLISECOND, 1000n * MILLISECOND);
    assert.deepEqual(later?.effects.counters, { drop_no_peer: 1, answer_unreachable: 1 });
  });

  it('answers at most once a millisecond', (t) => {
    for (const ago of [800_000n, 500_000n, 0n]) {
      const within = sendAfter(ago, MILLISECOND);
      if (within !== null) return assertDropped(within, 'drop_no_peer');
    }
    t.skip('this machine takes over 1 ms to send a packet');
  });

  it('remembers when it answered', () => {
    const before = process.hrtime.bigint();
    assert.equal(send(unheld()).effects.verdict, 'redirected');
    const answered = readLastAnswer(programs.maps);
    assert(before <= answered && answered <= process.hrtime.bigint(), `${before} ${answered}`);
  });

  /** Sends as if the last answer had been so long ago; again, until it was surely sent before the deadline. */
  function sendAfter(ago: bigint, deadline: bigint): Outcome | null {
    const fd = programs.programFd('vxlan_send');
    const packet = unheld();
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      let tookPlace = 0n;
      const outcome = observe(programs.maps, () => {
        const last = process.hrtime.bigint() - ago;
        setLastAnswer(programs.maps, last);
        const result = runProgram(fd, packet);
        tookPlace = process.hrtime.bigint() - last;
        return result;
      });
      if (tookPlace < deadline) return outcome;
    }
    return null;
  }
});
