/** Many datagrams received in one call: recvmmsg(2), with UDP_GRO (udp(7)). */
import { isPassing, koffi, libc, SystemError } from './libc.ts';
import { allocate, type Memory, putAddress, putVector, VECTOR_BYTES } from './memory.ts';
import {
  ADDRESS_BYTES,
  CONTROL_BYTES,
  CONTROL_DATA,
  MESSAGE,
  MESSAGE_BYTES,
  wordOf,
} from './message_layout.ts';

/** Messages in one call. */
const MOST_RECEIVED = 64;

/** Not 64 KB sharp: the first bytes of all slots would fall into the same few lines of the cache. */
const SLOT_BYTES = 65_536 + 512;

const recvmmsg = libc.func('int recvmmsg(int, uintptr_t, uint32_t, int, void *)') as (
  fd: number,
  messages: number,
  count: number,
  flags: number,
  limit: null,
) => number;

/** Messages that have been received. */
export interface ReceiveBatch {
  readonly memory: Memory;
  /** Takes what is there, up to 64 messages; returns how many. */
  receive(): number;
  offset(message: number): number;
  length(message: number): number;
  /** Of each datagram in the message but the last. */
  segmentBytes(message: number): number;
  /** Who sent it. */
  from(message: number): number;
}

/** @param fd a socket that does not block */
export function receiveBatchOf(fd: number): ReceiveBatch {
  const memory = allocate(MOST_RECEIVED * SLOT_BYTES);
  const names = allocate(MOST_RECEIVED * ADDRESS_BYTES);
  const vectors = allocate(MOST_RECEIVED * VECTOR_BYTES, memory);
  const controls = allocate(MOST_RECEIVED * CONTROL_BYTES);
  const messages = allocate(MOST_RECEIVED * MESSAGE_BYTES, names, vectors, controls);
  for (let i = 0; i < MOST_RECEIVED; i++) {
    putVector(vectors, i, memory, i * SLOT_BYTES, SLOT_BYTES);
    putAddress(messages, i * MESSAGE_BYTES + MESSAGE.name, names.address + i * ADDRESS_BYTES);
    putAddress(messages, i * MESSAGE_BYTES + MESSAGE.vectors, vectors.address + i * VECTOR_BYTES);
    messages.words[wordOf(i, MESSAGE.vectorCount)] = 1;
    putAddress(messages, i * MESSAGE_BYTES + MESSAGE.control, controls.address + i * CONTROL_BYTES);
  }
  let used = MOST_RECEIVED;

  return {
    memory,
    receive() {
      // What the kernel has written over.
      for (let i = 0; i < used; i++) {
        messages.words[wordOf(i, MESSAGE.nameLength)] = ADDRESS_BYTES;
        messages.words[wordOf(i, MESSAGE.controlLength)] = CONTROL_BYTES;
      }
      const result = recvmmsg(fd, messages.address, MOST_RECEIVED, 0, null);
      used = Math.max(result, 0);
      if (result >= 0) return result;
      if (isPassing()) return 0;
      throw new SystemError('recvmmsg', koffi.errno());
    },
    offset: (message) => message * SLOT_BYTES,
    length: (message) => messages.words[wordOf(message, MESSAGE.length)] as number,
    segmentBytes(message) {
      const length = messages.words[wordOf(message, MESSAGE.length)] as number;
      // The only control message that was asked for.
      if (messages.words[wordOf(message, MESSAGE.controlLength)] === 0) return length;
      return Math.max(1, controls.view.getInt32(message * CONTROL_BYTES + CONTROL_DATA, true));
    },
    from: (message) => names.view.getUint32(message * ADDRESS_BYTES + 4),
  };
}
