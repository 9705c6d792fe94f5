import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANSWER_BYTES, answerUnreachable } from '../../src/relay/answer.ts';
import { allocate } from '../../src/sys/memory.ts';
import { encode, memoryWith, naiveSum, SAMPLE } from './packets.ts';

function answer(packet: Uint8Array): Buffer {
  const { memory } = memoryWith([packet]);
  const into = allocate(ANSWER_BYTES);
  into.bytes.fill(0xa5);
  return Buffer.from(into.bytes.subarray(0, answerUnreachable(memory, 0, packet.length, into)));
}

test('says of whom it speaks, to whom, and quotes', () => {
  for (const ipOptions of [new Uint8Array(), new Uint8Array(40)]) {
    const packet = encode({ ...SAMPLE, ipOptions });
    const reply = answer(packet);
    assert.equal(reply.length, 28 + 20 + ipOptions.length + 8);
    assert.equal(reply.readUInt16BE(2), reply.length);
    assert.equal(reply.readUInt32BE(12), SAMPLE.destination);
    assert.equal(reply.readUInt32BE(16), SAMPLE.source);
    assert.deepEqual([...reply.subarray(20, 22)], [3, 1]);
    assert.equal(naiveSum(reply.subarray(0, 20)), 0xffff);
    assert.equal(naiveSum(reply.subarray(20)), 0xffff);
    assert.deepEqual(reply.subarray(28), packet.subarray(0, reply.length - 28));
  }
});

test('not about errors, later fragments, multicasts, and to nobody that is no single host', () => {
  const change = (at: number, ...bytes: number[]) => {
    const packet = Buffer.from(encode(SAMPLE));
    packet.set(bytes, at);
    return answer(packet).length;
  };
  assert.notEqual(change(6, 0x20, 0), 0, 'a first fragment');
  assert.equal(change(6, 0, 1), 0, 'a later fragment');
  assert.notEqual(answer(icmp(8)).length, 0, 'echo');
  assert.equal(answer(icmp(3)).length, 0, 'an error');
  assert.equal(change(16, 224, 0, 0, 1), 0);
  assert.equal(change(16, 255, 255, 255, 255), 0);
  assert.equal(change(12, 0, 0, 0, 0), 0);
  assert.equal(change(12, 127, 0, 0, 1), 0);
});

function icmp(type: number): Buffer {
  const packet = Buffer.from(encode(SAMPLE));
  packet[9] = 1;
  packet[20] = type;
  return packet;
}
