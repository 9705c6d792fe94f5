import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outboxOf } from '../../src/relay/outbox.ts';
import { allocate } from '../../src/sys/memory.ts';
import { MOST_SENT, type SendBatch } from '../../src/sys/send_batch.ts';

interface Message {
  to: number;
  lengths: number[];
  segment: number | null;
}

/** A batch that writes down what it is given; `refuse` says what the kernel answers. */
function outbox(refuse: (message: Message) => string | null = () => null) {
  const sent: Message[][] = [];
  const lost: number[] = [];
  let messages: Message[] = [];
  const last = () => messages.at(-1) as Message;
  const batch: SendBatch = {
    hasRoom: () => messages.length < MOST_SENT,
    canGrow: () => true,
    start: (to) => void messages.push({ to, lengths: [], segment: null }),
    gather: (_, __, length) => void last().lengths.push(length),
    segment(bytes) {
      last().segment = bytes;
    },
    send(failed) {
      for (const [number, message] of messages.entries()) {
        const errno = refuse(message);
        if (errno !== null) failed(number, errno);
      }
      sent.push(messages);
      messages = [];
    },
  };
  const memory = allocate(64);
  const box = outboxOf({ memory, batch, failed: (datagrams) => lost.push(datagrams) });
  return { ...box, sent, lost };
}

test('datagrams of one size to one receiver are one message; a shorter one ends it', () => {
  const { put, flush, sent } = outbox();
  for (const [to, length] of [
    [1, 100],
    [1, 100],
    [1, 60],
    [1, 60],
    [2, 60],
    [1, 60],
    [1, 61],
  ] as const)
    put(to, 0, length, 0, 0);
  flush();
  assert.deepEqual(sent, [
    [
      { to: 1, lengths: [100, 100, 60], segment: 100 },
      { to: 1, lengths: [60], segment: null },
      { to: 2, lengths: [60], segment: null },
      { to: 1, lengths: [60], segment: null },
      { to: 1, lengths: [61], segment: null },
    ],
  ]);
});

test('no message is longer than the kernel takes', () => {
  const { put, flush, sent } = outbox();
  for (let count = 0; count < 200; count++) put(1, 0, 52, 0, 1420);
  for (let count = 0; count < 100; count++) put(1, 0, 40, 0, 0);
  flush();
  const counts = sent.flat().map(({ lengths, segment }) => [lengths.length, segment]);
  assert.deepEqual(counts, [
    [2 * 44, 1472],
    [2 * 44, 1472],
    [2 * 44, 1472],
    [2 * 44, 1472],
    [2 * 24 + 1, 1472],
    [64, 40],
    [35, 40],
  ]);
});

test('a full batch is sent at once', () => {
  const { put, flush, sent } = outbox();
  for (let to = 1; to <= MOST_SENT + 1; to++) put(to, 0, 100, 0, 0);
  flush();
  assert.deepEqual(
    sent.map(({ length }) => length),
    [MOST_SENT, 1],
  );
});

test('to where the kernel cannot cut, each datagram goes by itself from then on', () => {
  const { put, flush, sent, lost } = outbox(({ to, segment }) =>
    to === 1 && segment !== null ? 'EIO' : null,
  );
  for (const to of [1, 1, 2, 2]) put(to, 0, 100, 0, 0);
  flush();
  assert.deepEqual(lost, [2]);
  for (const to of [1, 1, 2, 2]) put(to, 0, 100, 0, 0);
  flush();
  assert.deepEqual(lost, [2]);
  assert.deepEqual(
    sent.map((batch) => batch.map(({ to, lengths }) => [to, lengths.length])),
    [
      [
        [1, 2],
        [2, 2],
      ],
      [
        [1, 1],
        [1, 1],
        [2, 2],
      ],
    ],
  );
});

test('what fails for another reason is lost, and that is all', () => {
  const { put, flush, sent, lost } = outbox(() => 'ENETUNREACH');
  for (let round = 0; round < 2; round++) {
    put(1, 0, 100, 0, 0);
    put(1, 0, 100, 0, 0);
    flush();
  }
  assert.deepEqual(lost, [2, 2]);
  assert.equal(sent[1]?.length, 1);
});
