/** From the TUN to the peers. */
import { allocate, type Memory } from '../sys/memory.ts';
import { LARGEST_READ, type Tun, VNET_BYTES } from '../sys/tun.ts';
import { ANSWER_BYTES, answerUnreachable } from './answer.ts';
import type { Counters } from './counters.ts';
import { cutTcp, finishChecksum } from './cut.ts';
import { VNET } from './offload.ts';
import type { Outbox } from './outbox.ts';
import { IP, packetLength, takeHop } from './packet.ts';
import type { PeerTable } from './peers.ts';

/** The memory: packets as they were read, and behind them the headers that they are cut into. */
const PACKETS_BYTES = 256 * 1024;
const HEADERS_BYTES = 128 * 1024;
export const UPLINK_BYTES = PACKETS_BYTES + HEADERS_BYTES;

/** Read at most before all is sent. */
const MOST_PACKETS = 64;

/** A flood to nobody is not answered packet by packet. */
const ANSWER_EVERY_MS = 1;

export interface UplinkWorld {
  readonly tun: Tun;
  /** `UPLINK_BYTES` of them. */
  readonly memory: Memory;
  readonly outbox: Outbox;
  readonly counters: Counters;
  peers(): PeerTable;
}

/** Reads what is there, up to a batch, and sends it; returns whether there was something. */
export function uplinkOf({ tun, memory, outbox, counters, peers }: UplinkWorld): () => boolean {
  const { bytes, view } = memory;
  const answer = allocate((ANSWER_BYTES + 3) & ~3);
  const noOffload = allocate(12);
  let headersUsed = 0;
  let answeredAt = 0;

  function newHeader(size: number): number {
    if (headersUsed + size > HEADERS_BYTES) flush();
    const at = PACKETS_BYTES + headersUsed;
    headersUsed += size;
    return at;
  }

  function flush(): void {
    outbox.flush();
    headersUsed = 0;
  }

  /** @param header of the TUN's header, behind which the packet begins */
  function relay(header: number, available: number): void {
    const at = header + VNET_BYTES;
    const length = packetLength(memory, at, available - VNET_BYTES);
    if (length === 0) {
      counters.drop_not_ipv4++;
      return;
    }
    const holder = peers().holderOf(view.getUint32(at + IP.destination));
    if (holder === 0) refuse(at, length);
    else if (takeHop(memory, at)) send(header, at, length, holder);
    else counters.drop_ttl++;
  }

  function send(header: number, at: number, length: number, to: number): void {
    const kind = bytes[header + VNET.kind];
    if (kind === VNET.tcp4) {
      const segmentBytes = view.getUint16(header + VNET.segmentBytes, true);
      const isCut = cutTcp(
        memory,
        { at, length, segmentBytes },
        newHeader,
        (first, size, ...rest) => {
          outbox.put(to, first, size, ...rest);
          counters.sent_packets++;
        },
      );
      if (!isCut) counters.drop_offload++;
      return;
    }
    const needsChecksum = ((bytes[header + VNET.flags] as number) & VNET.needsChecksum) !== 0;
    const start = view.getUint16(header + VNET.checksumStart, true);
    const offset = view.getUint16(header + VNET.checksumOffset, true);
    const isWhole = !needsChecksum || finishChecksum(memory, { at, length, start, offset });
    if (kind !== VNET.none || !isWhole) {
      counters.drop_offload++;
      return;
    }
    outbox.put(to, at, length, 0, 0);
    counters.sent_packets++;
  }

  function refuse(at: number, length: number): void {
    counters.drop_no_peer++;
    const now = performance.now();
    if (now - answeredAt < ANSWER_EVERY_MS) return;
    const size = answerUnreachable(memory, at, length, answer);
    if (size === 0) return;
    answeredAt = now;
    tun.gather(noOffload, 0, VNET_BYTES);
    tun.gather(answer, 0, size);
    if (tun.write()) counters.answer_unreachable++;
  }

  return () => {
    // So that the packet behind the TUN's header begins at a multiple of 4: it is summed up faster there.
    let at = 2;
    for (let count = 0; count < MOST_PACKETS && at + LARGEST_READ <= PACKETS_BYTES; count++) {
      const length = tun.read(memory, at);
      if (length === 0) break;
      relay(at, length);
      at += (length + 3) & ~3;
    }
    flush();
    return at > 2;
  };
}
