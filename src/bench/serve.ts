/** The end that is measured against: one client after the other, until a signal. */
import { createServer, type Server } from 'node:net';
import { messageOf, TartanError } from '../errors.ts';
import { SystemError } from '../sys/libc.ts';
import type { UdpSocket } from '../sys/udp.ts';
import {
  ANSWER_SECONDS,
  aborted,
  type Channel,
  channelOf,
  checkHello,
  helloOf,
  type Message,
  notOurs,
} from './channel.ts';
import { busySeconds } from './cpu_time.ts';
import { mayUseCubic, portTaken, serveTcp } from './iperf.ts';
import { countPackets, flood, openSocket } from './packets.ts';
import { answerPings } from './ping_pong.ts';
import { type Request, readRequest } from './request.ts';

export interface ServeSettings {
  readonly bind: string;
  /** TCP, for the conversation; what is measured goes over the next one. */
  readonly port: number;
  readonly version: string;
}

export interface ServeWorld {
  readonly signal: AbortSignal;
  /** `listening`, `connected`, `disconnected`. */
  emit(event: { time: string; type: string; [key: string]: unknown }): void;
}

/** A client that asks for nothing is let go after so long. */
const IDLE_SECONDS = 30;

/**
 * Serves until the signal aborts.
 * @throws TartanError `BUSY`, `INTERFACE`
 */
export async function serve(world: ServeWorld, settings: ServeSettings): Promise<void> {
  const { signal } = world;
  const tell = (type: string, more: object) =>
    world.emit({ time: new Date().toISOString(), type, ...more });
  const serving: { current: { channel: Channel; ended: Promise<void> } | null } = { current: null };
  const server = createServer((socket) => {
    const client = socket.remoteAddress ?? 'unknown';
    const channel = channelOf(socket, client);
    const { current } = serving;
    if (signal.aborted || (current && !current.channel.closed.aborted)) {
      refuse(channel);
      return;
    }
    // One that has gone may have something of its own still ending.
    const before = current?.ended ?? Promise.resolve();
    const ended = before
      .then(() => {
        tell('connected', { client });
        return converse(channel, settings, signal);
      })
      .then(
        () => tell('disconnected', { client }),
        (error) => tell('disconnected', { client, message: messageOf(error) }),
      )
      .finally(() => {
        channel[Symbol.dispose]();
        if (serving.current?.ended === ended) serving.current = null;
      });
    serving.current = { channel, ended };
  });
  await listen(server, settings);
  tell('listening', { address: settings.bind, port: settings.port });
  await aborted(signal);
  server.close();
  await serving.current?.ended;
}

function refuse(channel: Channel): void {
  const error = {
    code: 'BUSY',
    message: 'another client is being served',
    hint: 'Try again when it has ended.',
  };
  channel.send({ error });
  // The other end closes when it has read this; one that does not is not waited for.
  setTimeout(() => channel[Symbol.dispose](), ANSWER_SECONDS * 1000).unref();
}

async function listen(server: Server, { bind, port }: ServeSettings): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') reject(portTaken(port, 'TCP'));
    else if (error.code === 'EADDRNOTAVAIL') reject(notOurs(bind));
    else if (error.code === 'EACCES') reject(notAllowed(port, error));
    else reject(error);
  });
  server.listen({ host: bind, port }, resolve);
  await promise;
}

function notAllowed(port: number, cause: unknown): TartanError {
  return new TartanError(
    'PERMISSION',
    `no right to listen on port ${port}`,
    'Give a --port of 1024 or more, or run it as root.',
    { cause },
  );
}

async function converse(
  channel: Channel,
  settings: ServeSettings,
  signal: AbortSignal,
): Promise<void> {
  channel.send(helloOf(settings.version));
  checkHello(channel.peer, await channel.receive(ANSWER_SECONDS), settings.version);
  const ended = AbortSignal.any([signal, channel.closed]);
  const stopped = aborted(ended).then(() => null);
  for (;;) {
    const message = await Promise.race([channel.receive(IDLE_SECONDS), stopped]).catch((error) => {
      if (channel.closed.aborted) return null;
      throw error;
    });
    if (message === null) return;
    try {
      await answer(channel, readRequest(message), { ...settings, signal: ended });
    } catch (error) {
      if (channel.closed.aborted) return;
      channel.send({ error: describe(error) });
    }
  }
}

type Work = ServeSettings & { readonly signal: AbortSignal };

async function answer(channel: Channel, request: Request, work: Work): Promise<void> {
  const { bind, port, signal } = work;
  const dataPort = port + 1;
  if (request.do === 'tcp') {
    const tcp = await serveTcp({ port: dataPort, bind }, { seconds: request.seconds, signal });
    const before = busySeconds();
    channel.send({ ready: true, cubic: mayUseCubic() });
    await tcp.ended;
    channel.send({ done: { busySeconds: busySeconds() - before } });
    return;
  }
  using socket = openDataSocket(bind, dataPort);
  socket.connect({ address: channel.peer, port: request.port });
  channel.send({ ready: true });
  channel.send({ done: await exchange(channel, request, socket, signal) });
}

async function exchange(
  channel: Channel,
  request: Exclude<Request, { do: 'tcp' }>,
  socket: UdpSocket,
  signal: AbortSignal,
): Promise<Message> {
  const { seconds } = request;
  if (request.do === 'count')
    return { packetsPerSecond: await countPackets(socket, { seconds, signal }) };
  if (request.do === 'flood') return { packetsPerSecond: await flood(socket, { seconds, signal }) };
  const stop = new AbortController();
  const limitSeconds = seconds + ANSWER_SECONDS;
  // Whatever the client says next: it has measured.
  const told = channel.receive(limitSeconds).finally(() => stop.abort());
  told.catch(() => {});
  await answerPings(socket, { limitSeconds, signal: AbortSignal.any([signal, stop.signal]) });
  return {};
}

function openDataSocket(bind: string, port: number): UdpSocket {
  try {
    return openSocket({ address: bind, port });
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'EADDRINUSE') throw portTaken(port, 'UDP');
    throw error;
  }
}

function describe(error: unknown): Message {
  if (!(error instanceof TartanError))
    return { code: 'PEER_FAILED', message: messageOf(error), hint: 'Look at the other end.' };
  const { code, message, hint } = error;
  return { code, message, hint };
}
