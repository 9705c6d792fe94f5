import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cutTcp } from '../../src/relay/cut.ts';
import { mergerOf } from '../../src/relay/merge.ts';
import {
  ACK,
  aTcpPacket,
  encode,
  FIN,
  memoryWith,
  PSH,
  SAMPLE,
  type TcpPacket,
} from './packets.ts';

interface Merged {
  readonly segmentBytes: number;
  readonly bytes: Buffer;
}

/** What comes out for packets that come in at once. */
function merge(packets: readonly Uint8Array[]): Merged[] {
  const { memory, at } = memoryWith(packets);
  const merger = mergerOf(memory);
  for (const [number, packet] of packets.entries()) merger.add(at[number] as number, packet.length);
  const merged: Merged[] = [];
  let current: { segmentBytes: number; pieces: Buffer[] } = { segmentBytes: 0, pieces: [] };
  merger.flush({
    begin(segmentBytes) {
      current = { segmentBytes, pieces: [] };
    },
    piece: (from, length) =>
      current.pieces.push(Buffer.from(memory.bytes.subarray(from, from + length))),
    end: () =>
      merged.push({ segmentBytes: current.segmentBytes, bytes: Buffer.concat(current.pieces) }),
  });
  return merged;
}

/** As the kernel would cut it again, and only what has been merged. */
function cutAgain({ segmentBytes, bytes }: Merged): Buffer[] {
  if (segmentBytes === 0) return [bytes];
  const { memory, used } = memoryWith([bytes]);
  let free = used;
  const newHeader = (length: number) => {
    const at = free;
    free += length;
    return at;
  };
  const segments: Buffer[] = [];
  const { length } = bytes;
  cutTcp(memory, { at: 0, length, segmentBytes }, newHeader, (header, size, payload, payloadSize) =>
    segments.push(
      Buffer.concat([
        memory.bytes.subarray(header, header + size),
        memory.bytes.subarray(payload, payload + payloadSize),
      ]),
    ),
  );
  return segments;
}

/** The packets of one stream: each follows the one before. */
function streamOf(first: TcpPacket, sizes: readonly number[]): TcpPacket[] {
  let sequence = first.sequence;
  return sizes.map((size, number) => {
    const packet = {
      ...first,
      sequence,
      id: (first.id + number) & 0xffff,
      payload: Uint8Array.from({ length: size }, (_, at) => (number * 31 + at) & 255),
    };
    sequence = (sequence + size) >>> 0;
    return packet;
  });
}

const [FIRST, SECOND] = streamOf(SAMPLE, [100, 100]) as [TcpPacket, TcpPacket];

/** Of one stream, out of order, with repeats, from several flows: whatever may come. */
const someTraffic = fc
  .array(
    fc.record({
      flow: fc.nat({ max: 2 }),
      sizes: fc.array(fc.constantFrom(0, 1, 99, 100, 1420), { minLength: 1, maxLength: 8 }),
      flags: fc.constantFrom(ACK, ACK | PSH, ACK | FIN, 0x12, 0x50),
      id: fc.constantFrom(0, 0xfffd),
      sequence: fc.constantFrom(0, 5, 0xffff_ff00),
      dontFragment: fc.boolean(),
      window: fc.constantFrom(1, 2),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((streams) =>
    streams.flatMap(({ flow, sizes, ...fields }) =>
      streamOf({ ...SAMPLE, ...fields, ports: SAMPLE.ports + flow }, sizes),
    ),
  );

const flowOf = (packet: Uint8Array) => Buffer.from(packet).readUInt32BE(20);

describe('merging', () => {
  it('makes of the segments of a packet that packet, byte for byte', () => {
    fc.assert(
      fc.property(aTcpPacket, fc.integer({ min: 100, max: 2000 }), (random, segmentBytes) => {
        const whole = { ...random, ipOptions: new Uint8Array(), flags: random.flags & ~FIN };
        const sizes: number[] = [];
        for (let at = 0; at < whole.payload.length; at += segmentBytes)
          sizes.push(Math.min(segmentBytes, whole.payload.length - at));
        const segments = streamOf({ ...whole, flags: ACK }, sizes).map((packet, number) => ({
          ...packet,
          flags: number === sizes.length - 1 ? whole.flags : ACK,
          payload: whole.payload.subarray(
            number * segmentBytes,
            number * segmentBytes + segmentBytes,
          ),
        }));
        const merged = merge(segments.map(encode));
        assert.equal(merged.length, 1);
        assert.deepEqual(withoutTcpChecksum(merged[0]?.bytes), withoutTcpChecksum(encode(whole)));
      }),
      { numRuns: 200 },
    );
  });

  it('and whatever comes: cut again, it is what came, in the order of each flow', () => {
    fc.assert(
      fc.property(someTraffic, (packets) => {
        const sent = packets.map((packet) => Buffer.from(encode(packet)));
        const received = merge(sent).flatMap(cutAgain);
        for (const flow of new Set(sent.map(flowOf))) {
          const [before, after] = [sent, received].map((all) =>
            all.filter((packet) => flowOf(packet) === flow),
          );
          assert.deepEqual(after?.map(comparable), before?.map(comparable));
        }
        assert.equal(received.length, sent.length);
      }),
      { numRuns: 500 },
    );
  });

  it('ends at 64 KB', () => {
    const merged = merge(streamOf(SAMPLE, Array<number>(100).fill(1420)).map(encode));
    assert.deepEqual(
      merged.map(({ bytes }) => bytes.length - 52),
      [46 * 1420, 46 * 1420, 8 * 1420],
    );
  });

  it('a push ends it, and so does a shorter segment', () => {
    const [one, two, three] = streamOf(SAMPLE, [100, 100, 100]) as [
      TcpPacket,
      TcpPacket,
      TcpPacket,
    ];
    assert.deepEqual(lengthsOf([one, { ...two, flags: ACK | PSH }, three]), [252, 152]);
    assert.deepEqual(lengthsOf(streamOf(SAMPLE, [100, 50, 50])), [202, 102]);
    assert.deepEqual(lengthsOf(streamOf(SAMPLE, [50, 100])), [102, 152]);
  });

  for (const [what, change] of Object.entries<Partial<TcpPacket>>({
    'another sequence number': { sequence: SECOND.sequence + 1 },
    'the same sequence number': { sequence: FIRST.sequence },
    'another acknowledgement': { acknowledgement: 2001 },
    'another window': { window: 502 },
    'another option': { options: Uint8Array.from([1, 1, 8, 10, 0, 0, 0, 8, 0, 0, 0, 9]) },
    'fewer options': { options: new Uint8Array() },
    'IP options': { ipOptions: Uint8Array.from([1, 1, 1, 1]) },
    'another TTL': { ttl: 62 },
    'another TOS': { tos: 3 },
    'fragmentation allowed': { dontFragment: false },
    'another source': { source: SAMPLE.source + 1 },
    'another destination': { destination: SAMPLE.destination + 1 },
    'another port': { ports: SAMPLE.ports + 1 },
    fin: { flags: ACK | FIN },
    'congestion echoed': { flags: ACK | 0x40 },
    'urgent data': { flags: ACK | 0x20 },
    'no payload': { payload: new Uint8Array() },
  })) {
    it(`never merges: ${what}`, () => {
      assert.equal(merge([encode(FIRST), encode(SECOND)]).length, 1, 'without it');
      assert.equal(merge([encode(FIRST), encode({ ...SECOND, ...change })]).length, 2);
    });
  }

  it('where fragmenting is allowed, merges only numbers that follow each other', () => {
    const [one, two] = [FIRST, SECOND].map((packet) => ({ ...packet, dontFragment: false }));
    assert(one && two);
    assert.equal(lengthsOf([one, two]).length, 1);
    assert.equal(lengthsOf([one, { ...two, id: one.id }]).length, 2);
  });

  it('never merges what is broken, so that whoever gets it notices', () => {
    for (const broken of [0, 1]) {
      for (const at of [10, 36, 60, 151]) {
        const packets = [FIRST, SECOND].map((packet) => Buffer.from(encode(packet)));
        const packet = packets[broken] as Buffer;
        packet[at] = (packet[at] as number) ^ 1;
        assert.deepEqual(
          merge(packets).map(({ bytes }) => bytes),
          packets,
          `byte ${at}`,
        );
      }
    }
  });

  it('fragments and other protocols pass as they are', () => {
    const [first, second] = [FIRST, SECOND].map((packet) => Buffer.from(encode(packet))) as [
      Buffer,
      Buffer,
    ];
    first.writeUInt16BE(0x2000, 6);
    assert.deepEqual(
      merge([first, second]).map(({ bytes }) => bytes),
      [first, second],
    );
    const udp = [FIRST, SECOND].map((packet) => Buffer.from(encode(packet)).fill(17, 9, 10));
    assert.deepEqual(
      merge(udp).map(({ bytes }) => bytes),
      udp,
    );
  });
});

function lengthsOf(packets: readonly TcpPacket[]): number[] {
  return merge(packets.map(encode)).map(({ bytes }) => bytes.length);
}

/** A merged packet's is left to whoever cuts it. */
function withoutTcpChecksum(packet: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.from(packet).fill(0, 36, 38);
}

/** 0 and 0xffff are the same checksum; where fragmenting is forbidden, the number means nothing. */
function comparable(packet: Buffer): Buffer {
  return Buffer.from(packet).fill(0, 10, 12).fill(0, 36, 38);
}
