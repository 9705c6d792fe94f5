/** The end that asks: runs every test in turn, several times, against a `serve`. */
import { isIPv4 } from 'node:net';
import { TartanError } from '../errors.ts';
import {
  ANSWER_SECONDS,
  aborted,
  type Channel,
  checkHello,
  helloOf,
  type Message,
  openChannel,
} from './channel.ts';
import { busySeconds } from './cpu_time.ts';
import { fromPeer, interrupted, unavailable } from './errors.ts';
import { mayUseCubic, measureTcp } from './iperf.ts';
import { countPackets, flood, LINGER_SECONDS, openSocket, PACKET_BYTES } from './packets.ts';
import { askPings } from './ping_pong.ts';
import type { Request } from './request.ts';
import { type BenchResult, type Samples, summarize, type TcpSample } from './result.ts';

export interface MeasureSettings {
  readonly address: string;
  /** Of the other end's conversation; what is measured goes over the next one. */
  readonly port: number;
  /** The own address to measure from. */
  readonly bind: string | null;
  readonly seconds: number;
  /** Of the second TCP test. */
  readonly streams: number;
  readonly repeats: number;
  /** The other end sends. */
  readonly reverse: boolean;
  readonly version: string;
}

export interface MeasureWorld {
  readonly signal: AbortSignal;
  /** Tells a person what is going on. */
  say(text: string): void;
}

/** How long after a failure the other end's going may be heard. */
const GRACE_MS = 300;

interface Session extends MeasureSettings {
  readonly channel: Channel;
  /** Aborts when interrupted, and when the other end is gone. */
  readonly signal: AbortSignal;
}

/**
 * @throws TartanError `USAGE`, `PEER_UNAVAILABLE`, `PEER_FAILED`, `BUSY`, `MISSING`, `INTERFACE`, `INTERRUPTED`
 */
export async function measure(
  { signal, say }: MeasureWorld,
  settings: MeasureSettings,
): Promise<BenchResult> {
  checkAddress(settings.address);
  try {
    using channel = await openChannel(settings, signal);
    // Whoever waits for an answer is told so at once, and so is the other end.
    signal.addEventListener('abort', () => channel[Symbol.dispose]());
    checkHello(channel.peer, await channel.receive(ANSWER_SECONDS), settings.version);
    channel.send(helloOf(settings.version));
    const session = { ...settings, channel, signal: AbortSignal.any([signal, channel.closed]) };
    return summarize(settings, await unlessGone(channel, () => takeSamples(session, say)));
  } catch (error) {
    if (signal.aborted) throw interrupted();
    throw error;
  }
}

/** Whatever fails because the other end has gone is told as that: its iperf3 may be seen to end first. */
async function unlessGone<T>(channel: Channel, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const limit = AbortSignal.timeout(GRACE_MS);
    await aborted(AbortSignal.any([channel.closed, limit]));
    if (!channel.closed.aborted) throw error;
    throw unavailable(`${channel.peer} has ended in the middle`, error);
  }
}

function checkAddress(address: string): void {
  if (isIPv4(address)) return;
  throw new TartanError(
    'USAGE',
    `"${address}" is not an IPv4 address`,
    'Give the address of the host where `tartan bench --serve` runs, such as 10.5.2.2.',
  );
}

async function takeSamples(session: Session, say: (text: string) => void): Promise<Samples> {
  const { repeats, streams, reverse, channel } = session;
  const counts = [...new Set([1, streams])];
  const samples: Samples = { tcp: [], packets: [], roundTrips: [] };
  say(`${reverse ? 'from' : 'to'} ${channel.peer}, protocol agreed`);
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const turn = `${repeat}/${repeats}`;
    for (const count of counts) {
      say(`${turn}  TCP, ${count === 1 ? 'one stream' : `${count} streams`}`);
      samples.tcp.push(await sampleTcp(session, count));
    }
    say(`${turn}  UDP, packets of ${PACKET_BYTES} bytes`);
    samples.packets.push(await samplePackets(session));
    say(`${turn}  UDP, round trips`);
    samples.roundTrips.push(await sampleRoundTrips(session));
  }
  return samples;
}

async function sampleTcp(session: Session, streams: number): Promise<TcpSample> {
  const { channel, address, port, bind, seconds, reverse, signal } = session;
  const ready = await request(session, { do: 'tcp', seconds });
  const cubic = ready.cubic === true && mayUseCubic();
  const before = busySeconds();
  const run = { address, port: port + 1, bind };
  const how = { seconds, streams, reverse, cubic, signal };
  const { bitsPerSecond, gigabytes, congestion } = await measureTcp(run, how);
  const here = (busySeconds() - before) / gigabytes;
  const there = numberIn(await answerOf(channel), 'busySeconds') / gigabytes;
  const [sender, receiver] = reverse ? [there, here] : [here, there];
  return { streams, congestion, bitsPerSecond, cpuSecondsPerGigabyte: { sender, receiver } };
}

async function samplePackets(session: Session): Promise<Samples['packets'][number]> {
  const { channel, seconds, reverse, signal } = session;
  using socket = dataSocket(session);
  const asked: Request = reverse
    ? { do: 'flood', seconds: seconds + LINGER_SECONDS, port: socket.port }
    : { do: 'count', seconds, port: socket.port };
  await request(session, asked);
  // So that a firewall on this side takes what comes for the answer to it.
  if (reverse) socket.send(Buffer.alloc(1));
  const here = reverse
    ? await countPackets(socket, { seconds, signal })
    : await flood(socket, { seconds: seconds + LINGER_SECONDS, signal });
  const there = numberIn(await answerOf(channel), 'packetsPerSecond');
  const [sentPerSecond, receivedPerSecond] = reverse ? [there, here] : [here, there];
  if (receivedPerSecond === 0) throw nothingArrived(session);
  return { sentPerSecond, receivedPerSecond };
}

async function sampleRoundTrips(session: Session): Promise<Samples['roundTrips'][number]> {
  const { channel, seconds, signal } = session;
  using socket = dataSocket(session);
  await request(session, { do: 'echo', seconds, port: socket.port });
  const trips = await askPings(socket, { seconds, signal });
  channel.send({ do: 'stop' });
  await answerOf(channel);
  if (trips.count === 0) throw nothingArrived(session);
  return trips;
}

function dataSocket({ bind, address, port }: Session) {
  const socket = openSocket({ address: bind ?? '0.0.0.0', port: 0 });
  socket.connect({ address, port: port + 1 });
  return socket;
}

/** Asks, and waits until the other end is ready. */
async function request({ channel }: Session, asked: Request): Promise<Message> {
  channel.send({ ...asked });
  return await answerOf(channel);
}

async function answerOf(channel: Channel): Promise<Message> {
  const message = await channel.receive(ANSWER_SECONDS);
  if ('error' in message) throw fromPeer(channel.peer, message.error);
  return message;
}

function numberIn({ done }: Message, key: string): number {
  const value = (done as Record<string, unknown> | undefined)?.[key];
  if (typeof value === 'number') return value;
  throw unavailable(`the other end did not say ${key}`);
}

function nothingArrived({ address, port }: Session): TartanError {
  return unavailable(`no UDP packet came through between here and ${address}:${port + 1}`);
}
