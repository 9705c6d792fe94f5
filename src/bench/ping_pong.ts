/** Round trips of one small packet at a time; each end stays on one CPU. */
import { stayOnOneCpu } from '../sys/affinity.ts';
import type { UdpSocket } from '../sys/udp.ts';
import { PACKET_BYTES } from './packets.ts';
import { repeatInSlices } from './slices.ts';
import { quantile } from './statistics.ts';

const PAYLOAD_BYTES = PACKET_BYTES - 28;

/** Answers to more round trips than this are not kept: four million of 1 µs. */
const MOST_ROUND_TRIPS = 4_000_000;

export interface RoundTrips {
  readonly count: number;
  readonly lost: number;
  readonly medianMicroseconds: number;
  readonly p99Microseconds: number;
}

/** Sends every packet back until `signal` aborts, or `limitSeconds` are over. */
export async function answerPings(
  socket: UdpSocket,
  { limitSeconds, signal }: { limitSeconds: number; signal: AbortSignal },
): Promise<void> {
  using _pinned = stayOnOneCpu();
  const packet = Buffer.alloc(PAYLOAD_BYTES);
  await repeatInSlices(
    () => {
      if (socket.receive(packet) !== null) socket.send(packet);
      return undefined;
    },
    { until: performance.now() + limitSeconds * 1000, signal },
  );
}

/** Each packet carries a number: a late answer to an earlier one is not taken for this one's. */
export async function askPings(
  socket: UdpSocket,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<RoundTrips> {
  using _pinned = stayOnOneCpu();
  const packet = Buffer.alloc(PAYLOAD_BYTES);
  const answer = Buffer.alloc(PAYLOAD_BYTES);
  const times = new Float64Array(MOST_ROUND_TRIPS);
  let [count, sent] = [0, 0];
  await repeatInSlices(
    () => {
      packet.writeUInt32LE(sent++);
      const started = performance.now();
      socket.send(packet);
      let length = socket.receive(answer);
      while (length !== null && !packet.equals(answer)) length = socket.receive(answer);
      if (length !== null) times[count++] = (performance.now() - started) * 1000;
      return count < MOST_ROUND_TRIPS;
    },
    { until: performance.now() + seconds * 1000, signal },
  );
  const sorted = times.subarray(0, count).sort();
  return {
    count,
    lost: sent - count,
    medianMicroseconds: quantile(sorted, 0.5),
    p99Microseconds: quantile(sorted, 0.99),
  };
}
