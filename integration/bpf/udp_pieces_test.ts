/** What a narrow path has cut, and udp_receive puts together. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { assertDropped, assertHandedOn } from './expect.ts';
import { ipv4, LENGTH, PROTOCOL } from './packets.ts';
import { loadPrograms, missing, type Programs } from './programs.ts';
import { PEER, udpPayload } from './scene.ts';
import { assertInner, receivedByUdp, UDP } from './scene_udp.ts';

const IP = LENGTH.ethernet;

/** For so long the program waits for the rest of a packet (bpf/udp/gather.h). */
const GATHERING_MS = 1000;

/** What pieces become while the rest is waited for: on an emulated machine that has other work, some attempts take longer. */
function inTime(attempt: () => void): void {
  for (let left = 10; ; left -= 1) {
    const began = performance.now();
    try {
      attempt();
      return;
    } catch (error) {
      if (performance.now() - began < GATHERING_MS || left === 0) throw error;
    }
  }
}

describe('pieces of an outer packet of udp', { skip: missing() }, () => {
  let programs: Programs;
  beforeEach(() => {
    programs = loadPrograms({ object: 'udp', settings: UDP });
  });
  afterEach(() => programs[Symbol.dispose]());
  const receive = (packet: Buffer) => programs.run('udp_receive', packet);

  const whole = receivedByUdp({ payload: udpPayload(1400) });
  /** The pieces as a router makes them. */
  const cut = (sizes: readonly number[], id = 7, source = PEER.publicIp) => {
    const body = whole.subarray(IP + LENGTH.ipv4);
    let from = 0;
    return sizes.map((size) => {
      const piece = body.subarray(from, from + size);
      const fields = { id, fragmentOffset: from, moreFragments: from + size < body.length };
      from += size;
      return Buffer.concat([
        whole.subarray(0, IP),
        ipv4(
          { source, destination: UDP.underlayAddress, protocol: PROTOCOL.udp, ...fields },
          piece,
        ),
      ]);
    });
  };
  const length = whole.length - IP - LENGTH.ipv4;

  it('come in once more as a whole', () => {
    for (const sizes of [
      [1376, length - 1376],
      [8, 8, 800, length - 816],
    ]) {
      const pieces = cut(sizes);
      const last = pieces.pop() as Buffer;
      inTime(() => {
        for (const piece of pieces) assertDropped(receive(piece), 'slow_receive_fragment');
        const { effects, packet } = receive(last);
        assert.deepEqual(effects.counters, { slow_received: 1 });
        assert.equal(effects.verdict, 'redirected');
        assert.deepEqual(packet.subarray(IP + LENGTH.ipv4), whole.subarray(IP + LENGTH.ipv4));
        assertInner(receive(packet).packet, whole);
      });
    }
  });

  it('of packets that come at once are kept apart', () => {
    // Ids that fall on one place, as those of a peer's CPUs do.
    const packets = [20, 20 + 64, 20 + (1 << 14), 20 + (2 << 14)].map((id) =>
      cut([1376, length - 1376], id),
    );
    inTime(() => {
      for (const [first] of packets)
        assertDropped(receive(first as Buffer), 'slow_receive_fragment');
      for (const [, second] of packets) {
        const { effects, packet } = receive(second as Buffer);
        assert.deepEqual(effects.counters, { slow_received: 1 });
        assertInner(receive(packet).packet, whole);
      }
    });
  });

  it('of an earlier packet with the same id are forgotten', () => {
    const [stale] = cut([1376, length - 1376], 50) as [Buffer];
    stale.fill(0xee, IP + LENGTH.ipv4 + 8);
    assertDropped(receive(stale), 'slow_receive_fragment');
    const [first, second] = cut([1376, length - 1376], 50) as [Buffer, Buffer];
    assertDropped(receive(first), 'slow_receive_fragment');
    assertInner(receive(receive(second).packet).packet, whole);
  });

  it('give way to newer ones where places run out', () => {
    const packets = [0, 1, 2, 3, 4].map((index) => cut([1376, length - 1376], 30 + 64 * index));
    const [oldest, ...others] = packets.map(([, second]) => second as Buffer);
    inTime(() => {
      for (const [first] of packets)
        assertDropped(receive(first as Buffer), 'slow_receive_fragment');
      assertHandedOn(receive(oldest as Buffer), oldest as Buffer);
      for (const second of others)
        assert.deepEqual(receive(second).effects.counters, { slow_received: 1 });
    });
  });

  it('are the host’s where the first is not of our tunnel, or of a stranger’s', () => {
    const [first, second] = cut([1376, length - 1376], 8) as [Buffer, Buffer];
    assertHandedOn(receive(second), second);
    first.writeUInt16BE(53, IP + LENGTH.ipv4 + 2);
    assertHandedOn(receive(first), first);
    assertHandedOn(receive(second), second);
    for (const piece of cut([1376, length - 1376], 9, '203.0.113.9'))
      assertHandedOn(receive(piece), piece);
  });

  it('never fit where one is missing, overlaps, or is another packet’s', () => {
    const [first, , third] = cut([800, 400, length - 1200], 10) as [Buffer, Buffer, Buffer];
    assertDropped(receive(first), 'slow_receive_fragment');
    assertHandedOn(receive(third), third);
    const [, overlapping] = cut([792, length - 792], 10) as [Buffer, Buffer];
    assertHandedOn(receive(overlapping), overlapping);
    const [, strange] = cut([800, length - 800], 11) as [Buffer, Buffer];
    assertHandedOn(receive(strange), strange);
  });
});
