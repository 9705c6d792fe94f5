/** Many datagrams sent in one call: sendmmsg(2), with UDP_SEGMENT (udp(7)). */
import { isPassing, koffi, libc, SystemError } from './libc.ts';
import { allocate, type Memory, putAddress, putVector, VECTOR_BYTES } from './memory.ts';
import {
  ADDRESS_BYTES,
  AF_INET,
  CONTROL_BYTES,
  CONTROL_DATA,
  MESSAGE,
  MESSAGE_BYTES,
  SOL_UDP,
  UDP_SEGMENT,
  wordOf,
} from './message_layout.ts';

/** The most datagrams that the kernel takes in one message since UDP_SEGMENT is there, and the most bytes. */
export const MOST_SEGMENTS = 64;
export const MOST_BYTES = 65_507;

/** Messages in one call, and pieces of memory in all of them. */
export const MOST_SENT = 256;
const MOST_VECTORS = 4096;

/** How long a full socket is waited for. */
const SEND_WAIT_MS = 5;
const POLLOUT = 4;

const sendmmsg = libc.func('int sendmmsg(int, uintptr_t, uint32_t, int)') as (
  fd: number,
  messages: number,
  count: number,
  flags: number,
) => number;
const poll = libc.func('int poll(void *, unsigned long, int)') as (
  fds: Buffer,
  count: number,
  milliseconds: number,
) => number;

/** Messages that are about to be sent. */
export interface SendBatch {
  /** Whether there is room for one more message of so many pieces. */
  hasRoom(pieces: number): boolean;
  /** Whether there is room for so many more pieces of the last message. */
  canGrow(pieces: number): boolean;
  /** Begins a message to an IPv4 address. */
  start(to: number): void;
  /** Adds a piece to the last message. */
  gather(from: Memory, offset: number, length: number): void;
  /** Says that the last message is several datagrams: each of so many bytes, the last one may have fewer. */
  segment(bytes: number): void;
  /** Sends all. `failed` is told of each message that is not taken, by its number since the last time. */
  send(failed: (message: number, errno: string) => void): void;
}

/** @param port of all receivers */
export function sendBatchOf(fd: number, port: number): SendBatch {
  const names = allocate(MOST_SENT * ADDRESS_BYTES);
  const vectors = allocate(MOST_VECTORS * VECTOR_BYTES);
  const controls = allocate(MOST_SENT * CONTROL_BYTES);
  const messages = allocate(MOST_SENT * MESSAGE_BYTES, names, vectors, controls);
  for (let i = 0; i < MOST_SENT; i++) {
    names.view.setUint16(i * ADDRESS_BYTES, AF_INET, true);
    names.view.setUint16(i * ADDRESS_BYTES + 2, port);
    putAddress(messages, i * MESSAGE_BYTES + MESSAGE.name, names.address + i * ADDRESS_BYTES);
    messages.words[(i * MESSAGE_BYTES + MESSAGE.nameLength) >> 2] = ADDRESS_BYTES;
    putAddress(messages, i * MESSAGE_BYTES + MESSAGE.control, controls.address + i * CONTROL_BYTES);
    // `struct cmsghdr`: its length, the level and the type; a 16-bit number.
    const control = (i * CONTROL_BYTES) >> 2;
    controls.words.set([CONTROL_DATA + 2, 0, SOL_UDP, UDP_SEGMENT], control);
  }
  let count = 0;
  let used = 0;

  return {
    hasRoom: (pieces) => count < MOST_SENT && used + pieces <= MOST_VECTORS,
    canGrow: (pieces) => used + pieces <= MOST_VECTORS,
    start(to) {
      names.view.setUint32(count * ADDRESS_BYTES + 4, to);
      const message = count * MESSAGE_BYTES;
      putAddress(messages, message + MESSAGE.vectors, vectors.address + used * VECTOR_BYTES);
      messages.words[wordOf(count, MESSAGE.vectorCount)] = 0;
      messages.words[wordOf(count, MESSAGE.controlLength)] = 0;
      count++;
    },
    gather(from, offset, length) {
      putVector(vectors, used++, from, offset, length);
      (messages.words[wordOf(count - 1, MESSAGE.vectorCount)] as number)++;
    },
    segment(bytes) {
      messages.words[wordOf(count - 1, MESSAGE.controlLength)] = CONTROL_BYTES;
      controls.view.setUint16((count - 1) * CONTROL_BYTES + CONTROL_DATA, bytes, true);
    },
    send(failed) {
      let sent = 0;
      let hasWaited = false;
      while (sent < count) {
        const start = messages.address + sent * MESSAGE_BYTES;
        const result = sendmmsg(fd, start, count - sent, 0);
        if (result > 0) {
          sent += result;
          continue;
        }
        if (isPassing() && !hasWaited) {
          hasWaited = true;
          waitForRoom(fd);
          continue;
        }
        failed(sent, new SystemError('sendmmsg', koffi.errno()).errno);
        sent++;
      }
      count = 0;
      used = 0;
    },
  };
}

function waitForRoom(fd: number): void {
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(POLLOUT, 4);
  poll(entry, 1, SEND_WAIT_MS);
}
