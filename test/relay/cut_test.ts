import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutTcp, finishChecksum } from '../../src/relay/cut.ts';
import type { Memory } from '../../src/sys/memory.ts';
import {
  ACK,
  aTcpPacket,
  encode,
  FIN,
  isValid,
  memoryWith,
  naiveSum,
  PSH,
  SAMPLE,
} from './packets.ts';

function cut(packet: Uint8Array, segmentBytes: number): Uint8Array[] | null {
  const { memory, used } = memoryWith([packet]);
  return cutIn(memory, packet.length, segmentBytes, used);
}

function cutIn(memory: Memory, length: number, segmentBytes: number, used: number) {
  const segments: Uint8Array[] = [];
  let free = used;
  const newHeader = (bytes: number) => {
    const at = free;
    free += bytes;
    return at;
  };
  const isCut = cutTcp(memory, { at: 0, length, segmentBytes }, newHeader, (...pieces) => {
    const [header, headerLength, payload, payloadLength] = pieces;
    segments.push(
      Buffer.concat([
        memory.bytes.subarray(header, header + headerLength),
        memory.bytes.subarray(payload, payload + payloadLength),
      ]),
    );
  });
  return isCut ? segments : null;
}

test('each segment is what its sender would have sent, had it sent it by itself', () => {
  fc.assert(
    fc.property(aTcpPacket, fc.integer({ min: 48, max: 2000 }), (packet, segmentBytes) => {
      const expected: Uint8Array[] = [];
      for (let at = 0; at < packet.payload.length; at += segmentBytes) {
        const isLast = at + segmentBytes >= packet.payload.length;
        expected.push(
          encode({
            ...packet,
            id: (packet.id + expected.length) & 0xffff,
            sequence: (packet.sequence + at) >>> 0,
            flags: isLast ? packet.flags : packet.flags & ~(FIN | PSH),
            payload: packet.payload.subarray(at, at + segmentBytes),
          }),
        );
      }
      const segments = cut(encode(packet), segmentBytes);
      assert.equal(segments?.length, expected.length);
      for (const [number, segment] of (segments ?? []).entries()) {
        assert(isValid(segment), `segment ${number}`);
        assert.deepEqual(withoutChecksums(segment), withoutChecksums(expected[number]));
      }
    }),
    { numRuns: 300 },
  );
});

/** 0 and 0xffff are the same number there. */
function withoutChecksums(packet: Uint8Array | undefined): Buffer {
  const bytes = Buffer.from(packet ?? []);
  const ipLength = ((bytes[0] ?? 5) & 15) * 4;
  return bytes.fill(0, 10, 12).fill(0, ipLength + 16, ipLength + 18);
}

test('what is no TCP packet that can be cut is refused', () => {
  const packet = encode(SAMPLE);
  assert.equal(cut(packet, 0), null);
  assert.equal(cut(packet.subarray(0, 39), 100), null);
  const shortHeader = Buffer.from(packet);
  shortHeader[32] = 4 << 4;
  assert.equal(cut(shortHeader, 100), null);
  const longHeader = Buffer.from(packet);
  longHeader[32] = 15 << 4;
  assert.equal(cut(longHeader, 100), null);
});

test('a checksum that was left to the device is finished', () => {
  fc.assert(
    fc.property(aTcpPacket, (packet) => {
      const expected = encode({ ...packet, flags: ACK });
      const start = 20 + packet.ipOptions.length;
      const unfinished = Buffer.from(expected);
      const pseudo = Buffer.concat([expected.subarray(12, 20), Buffer.alloc(4)]);
      pseudo[9] = 6;
      pseudo.writeUInt16BE(expected.length - start, 10);
      unfinished.writeUInt16BE(naiveSum(pseudo), start + 16);
      const { memory } = memoryWith([unfinished]);
      const { length } = unfinished;
      assert(finishChecksum(memory, { at: 0, length, start, offset: 16 }));
      assert(isValid(memory.bytes.subarray(0, length)));
    }),
    { numRuns: 200 },
  );
});

test('a checksum outside the packet is refused', () => {
  const { memory } = memoryWith([encode(SAMPLE)]);
  assert.equal(finishChecksum(memory, { at: 0, length: 40, start: 24, offset: 16 }), false);
});
