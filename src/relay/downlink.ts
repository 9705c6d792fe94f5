/** From the peers to the TUN. */

import { allocate } from '../sys/memory.ts';
import type { ReceiveBatch } from '../sys/receive_batch.ts';
import { type Tun, VNET_BYTES } from '../sys/tun.ts';
import type { Counters } from './counters.ts';
import { mergerOf, type PacketSink } from './merge.ts';
import { VNET } from './offload.ts';
import { IP, IPV4_HEADER, packetLength, TCP, takeHop } from './packet.ts';
import type { PeerTable } from './peers.ts';

export interface DownlinkWorld {
  readonly tun: Tun;
  readonly batch: ReceiveBatch;
  readonly counters: Counters;
  peers(): PeerTable;
}

/** Receives what is there, up to a batch, and hands it to the host; returns whether there was something. */
export function downlinkOf({ tun, batch, counters, peers }: DownlinkWorld): () => boolean {
  const { memory } = batch;
  const merger = mergerOf(memory);
  const sink = sinkOf(tun, batch, counters);

  function relay(at: number, available: number, from: number): void {
    const length = packetLength(memory, at, available);
    if (length === 0) counters.drop_malformed++;
    else if (!peers().maySend(from, memory.view.getUint32(at + IP.source))) counters.drop_source++;
    else if (!takeHop(memory, at)) counters.drop_ttl++;
    else {
      counters.received_packets++;
      merger.add(at, length);
      if (merger.isFull) merger.flush(sink);
    }
  }

  return () => {
    const messages = batch.receive();
    for (let message = 0; message < messages; message++) {
      const from = batch.from(message);
      const isKnown = peers().isPeer(from);
      const step = batch.segmentBytes(message);
      const begin = batch.offset(message);
      const end = begin + batch.length(message);
      for (let at = begin; at < end; at += step) {
        if (isKnown) relay(at, Math.min(step, end - at), from);
        else counters.drop_stranger++;
      }
    }
    merger.flush(sink);
    return messages > 0;
  };
}

function sinkOf(tun: Tun, { memory }: ReceiveBatch, counters: Counters): PacketSink {
  const none = allocate(12);
  const offload = allocate(12);
  offload.bytes[VNET.flags] = VNET.needsChecksum;
  offload.bytes[VNET.kind] = VNET.tcp4;
  offload.view.setUint16(VNET.checksumStart, IPV4_HEADER, true);
  offload.view.setUint16(VNET.checksumOffset, TCP.checksum, true);
  return {
    begin(segmentBytes, headerBytes) {
      if (segmentBytes > 0) {
        offload.view.setUint16(VNET.segmentBytes, segmentBytes, true);
        offload.view.setUint16(VNET.headerBytes, headerBytes, true);
      }
      tun.gather(segmentBytes > 0 ? offload : none, 0, VNET_BYTES);
    },
    piece: (offset, length) => tun.gather(memory, offset, length),
    end() {
      if (!tun.write()) counters.drop_tun++;
    },
  };
}
