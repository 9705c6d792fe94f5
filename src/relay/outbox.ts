/** Collects datagrams, and puts those of one size and one receiver that follow each other into one message. */

import type { Memory } from '../sys/memory.ts';
import { MOST_BYTES, MOST_SEGMENTS, MOST_SENT, type SendBatch } from '../sys/send_batch.ts';

/** Pieces of one datagram. */
const MOST_PIECES = 2;

export interface Outbox {
  /** Adds a datagram: a piece of the memory, and if `moreLength` is not 0 another one behind it. */
  put(to: number, offset: number, length: number, more: number, moreLength: number): void;
  /** Sends all, and forgets it. */
  flush(): void;
}

export interface OutboxWorld {
  readonly memory: Memory;
  readonly batch: SendBatch;
  /** Is told how many datagrams the socket did not take. */
  failed(datagrams: number): void;
}

/**
 * What the kernel says to a message of several datagrams where it cannot cut: the device does not make checksums, a
 * datagram does not fit the path, or the kernel does not know of it. It takes each by itself.
 */
const CANNOT_SEGMENT: ReadonlySet<string> = new Set(['EIO', 'EINVAL', 'EMSGSIZE']);

export function outboxOf({ memory, batch, failed }: OutboxWorld): Outbox {
  const oneByOne = new Set<number>();
  const last = { number: -1, to: -1, bytes: 0, total: 0, mayGrow: false };
  /** By message. */
  const receivers = new Float64Array(MOST_SENT);
  const datagrams = new Uint8Array(MOST_SENT);

  function put(to: number, offset: number, length: number, more: number, moreLength: number): void {
    const bytes = length + moreLength;
    if (to === last.to && last.mayGrow && fits(bytes)) grow(bytes);
    else start(to, bytes);
    batch.gather(memory, offset, length);
    if (moreLength > 0) batch.gather(memory, more, moreLength);
  }

  function fits(bytes: number): boolean {
    return (
      bytes <= last.bytes &&
      (datagrams[last.number] as number) < MOST_SEGMENTS &&
      last.total + bytes <= MOST_BYTES &&
      batch.canGrow(MOST_PIECES)
    );
  }

  function grow(bytes: number): void {
    if (datagrams[last.number] === 1) batch.segment(last.bytes);
    datagrams[last.number] = (datagrams[last.number] as number) + 1;
    last.total += bytes;
    // All but the last are of one size.
    if (bytes < last.bytes) last.mayGrow = false;
  }

  function start(to: number, bytes: number): void {
    if (!batch.hasRoom(MOST_PIECES)) flush();
    batch.start(to);
    last.number++;
    receivers[last.number] = to;
    datagrams[last.number] = 1;
    last.to = to;
    last.bytes = bytes;
    last.total = bytes;
    last.mayGrow = !oneByOne.has(to);
  }

  function flush(): void {
    last.to = -1;
    last.number = -1;
    batch.send((message, errno) => {
      failed(datagrams[message] as number);
      if (CANNOT_SEGMENT.has(errno)) oneByOne.add(receivers[message] as number);
    });
  }

  return { put, flush };
}
