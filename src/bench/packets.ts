/** As many small packets a second as one process can send, and how many of them arrive. */
import { type Endpoint, openUdp, type UdpSocket } from '../sys/udp.ts';
import { repeatInSlices } from './slices.ts';

/** Length of the IP packet. */
export const PACKET_BYTES = 64;
const HEADER_BYTES = 20 + 8;

/** How long the sending end goes on when the receiving end has counted: so that it is never short of packets. */
export const LINGER_SECONDS = 0.3;

/** How long the receiving end waits for the first packet. */
const FIRST_PACKET_SECONDS = 3;
const SOCKET_LIMIT_MS = 20;

/** Sends as fast as it can; returns packets a second. */
export async function flood(
  socket: UdpSocket,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<number> {
  const started = performance.now();
  let packets = 0;
  await repeatInSlices(
    () => {
      packets += socket.sendMany(PACKET_BYTES - HEADER_BYTES);
      return undefined;
    },
    { until: started + seconds * 1000, signal },
  );
  return (packets * 1000) / (performance.now() - started);
}

/** Counts for so long after the first packet; returns packets a second, 0 if none came within 3 s. */
export async function countPackets(
  socket: UdpSocket,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<number> {
  await repeatInSlices(() => socket.receiveMany() === 0, {
    until: performance.now() + FIRST_PACKET_SECONDS * 1000,
    signal,
  });
  const started = performance.now();
  let packets = 0;
  await repeatInSlices(
    () => {
      packets += socket.receiveMany();
      return undefined;
    },
    { until: started + seconds * 1000, signal },
  );
  return (packets * 1000) / (performance.now() - started);
}

export function openSocket(bind: Endpoint): UdpSocket {
  return openUdp({ bind, limitMilliseconds: SOCKET_LIMIT_MS });
}
