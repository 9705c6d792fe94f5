/**
 * The conversation of the two ends, beside what is measured: one JSON object a line over TCP. The serving end says hello
 * first; each request is answered by `ready`, when it may begin, and by `done`; or by `error`.
 */
import { connect, type Socket } from 'node:net';
import { messageOf, TartanError } from '../errors.ts';
import { fromPeer, unavailable } from './errors.ts';

/** Changes with whatever an older end would not understand. */
export const PROTOCOL = 1;

/** Longer than any message: whoever says more speaks something else. */
const MOST_CHARACTERS = 16_384;

/** How long an answer may take that needs no measuring. */
export const ANSWER_SECONDS = 5;

export type Message = Readonly<Record<string, unknown>>;

export interface Channel extends Disposable {
  readonly peer: string;
  /** Aborts when the other end is gone. */
  readonly closed: AbortSignal;
  send(message: Message): void;
  /**
   * The next message.
   * @throws TartanError `PEER_UNAVAILABLE` if there is none within the limit, or the other end is gone
   */
  receive(limitSeconds: number): Promise<Message>;
}

export function channelOf(socket: Socket, peer: string): Channel {
  const controller = new AbortController();
  const arrived: Message[] = [];
  let wake = () => {};
  let text = '';
  let strange = false;

  socket.setEncoding('utf8').setNoDelay(true);
  socket.on('data', (part: string) => {
    const lines = (text + part).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const message = parseMessage(line);
      if (message === null) strange = true;
      else arrived.push(message);
    }
    if (strange || text.length > MOST_CHARACTERS) {
      strange = true;
      socket.destroy();
    }
    wake();
  });
  socket.on('error', () => {}); // `close` follows.
  socket.on('close', () => {
    controller.abort();
    wake();
  });

  return {
    peer,
    closed: controller.signal,
    send: (message) => void socket.write(`${JSON.stringify(message)}\n`),
    async receive(limitSeconds) {
      const deadline = performance.now() + limitSeconds * 1000;
      for (;;) {
        const message = arrived.shift();
        if (message) return message;
        if (strange) throw speaksSomethingElse(peer);
        if (controller.signal.aborted) throw unavailable(`${peer} has closed the connection`);
        const left = deadline - performance.now();
        if (left <= 0) throw unavailable(`${peer} did not answer within ${limitSeconds} s`);
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(resolve, left);
        await promise;
        clearTimeout(timer);
      }
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function parseMessage(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Message) : null;
  } catch {
    return null;
  }
}

function speaksSomethingElse(peer: string): TartanError {
  return new TartanError(
    'PEER_FAILED',
    `what answers at ${peer} is no tartan bench`,
    'Name the --port that `tartan bench --serve` has there.',
  );
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

/** What the serving end says first, and the asking end answers. */
export function helloOf(version: string): Message {
  return { tartanBench: PROTOCOL, version };
}

/**
 * @throws TartanError `PEER_FAILED` if the other end is of a version that this one cannot work with
 */
export function checkHello(peer: string, hello: Message, version: string): void {
  if ('error' in hello) throw fromPeer(peer, hello.error);
  if (!('tartanBench' in hello)) throw speaksSomethingElse(peer);
  if (hello.tartanBench === PROTOCOL) return;
  throw new TartanError(
    'PEER_FAILED',
    `${peer} has tartan ${hello.version} with bench protocol ${hello.tartanBench}, and this is tartan ${version} with protocol ${PROTOCOL}`,
    'Install the same version on both ends.',
  );
}

/** @throws TartanError `PEER_UNAVAILABLE`, `INTERFACE` */
export async function openChannel(
  to: { address: string; port: number; bind: string | null },
  signal: AbortSignal,
): Promise<Channel> {
  const peer = `${to.address}:${to.port}`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({
    host: to.address,
    port: to.port,
    ...(to.bind !== null && { localAddress: to.bind }),
  });
  const timer = setTimeout(
    () => reject(unavailable(`nobody answers at ${peer} within ${ANSWER_SECONDS} s`)),
    ANSWER_SECONDS * 1000,
  );
  const onAbort = () => reject(unavailable('interrupted'));
  signal.addEventListener('abort', onAbort);
  socket.once('connect', resolve).on('error', (error: NodeJS.ErrnoException) => {
    reject(
      error.code === 'EADDRNOTAVAIL' && to.bind !== null
        ? notOurs(to.bind)
        : unavailable(`nobody answers at ${peer}: ${messageOf(error)}`, error),
    );
  });
  try {
    await promise;
    return channelOf(socket, peer);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

export function notOurs(address: string): TartanError {
  return new TartanError(
    'INTERFACE',
    `${address} is not an address of this host`,
    'Name one that `ip address` lists, or leave --bind out.',
  );
}
