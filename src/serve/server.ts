/** Offers a store to other hosts over HTTP or HTTPS. */
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { heedStore } from '../agent/heed_store.ts';
import type { Log } from '../agent/log.ts';
import { messageOf, TartanError } from '../errors.ts';
import type { LeaseStore } from '../store/contract.ts';
import type { TlsFiles } from '../store/tls_files.ts';
import { type Policy, plainAddress } from './authorize.ts';
import { type Answer, errorAnswer, readBody, readCondition, send } from './exchange.ts';
import { refuseGarbage } from './garbage.ts';
import { createHub } from './hub.ts';
import { identify, tlsOptions } from './identity.ts';
import { admitConnections, createQuota, type Limits, tooMany } from './limits.ts';
import { type ListenPlace, listen } from './listen.ts';
import type { Network } from './network.ts';
import { findRoute } from './routes.ts';

export interface ServeSettings {
  readonly place: ListenPlace;
  readonly policy: Policy;
  readonly limits: Limits;
  /** Absent: without TLS. With a root certificate, clients must have a certificate that it has signed. */
  readonly tls?: TlsFiles;
}

export interface ServeWorld {
  /** The store of a network, `_` being that without a name; null: there is none of that name. */
  storeOf(network: string): Promise<LeaseStore | null>;
  readonly log: Log;
  /** Milliseconds since 1970. */
  now(): number;
  readonly listener: StoreListener;
}

/** Hears of the stores behind the server, whoever asks them. */
export interface StoreListener {
  /** One is away; each time once. */
  onUnavailable(message: string): void;
  onReturn(): void;
}

export interface StoreServer {
  readonly address: AddressInfo;
  /** Rejects if it cannot go on. */
  readonly failed: Promise<never>;
  /** Answers what is being asked, at most for so long, and ends. */
  close(): Promise<void>;
}

const CLOSE_LIMIT_MS = 3_000;
/** How often Node looks for requests that take too long. */
const CHECK_MS = 500;

/** @throws TartanError as {@link listen} */
export async function serveStore(world: ServeWorld, settings: ServeSettings): Promise<StoreServer> {
  const { limits, policy, tls, place } = settings;
  const { log } = world;
  const closing = new AbortController();
  const networks = new Map<string, Network & { readonly origin: LeaseStore }>();
  const polls = createQuota(limits.polls, limits.pollsPerAddress);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => {});

  async function networkOf(name: string): Promise<Network> {
    const origin = await world.storeOf(name);
    if (origin === null) {
      throw new TartanError(
        'CONFIG_MISSING',
        `the server has no network ${name}`,
        'Use _ for the network without a name, or write the config of that one to the store.',
      );
    }
    const known = networks.get(name);
    if (known?.origin === origin) return known;
    const store = heedStore(origin, attendTo(world.listener));
    const hub = createHub(store, closing.signal);
    hub.failed.catch(fail);
    const network = { origin, store, hub, policy, limits, polls, now: world.now };
    networks.set(name, network);
    return network;
  }

  async function handle(
    request: http.IncomingMessage,
    socket: Socket,
    gone: AbortSignal,
  ): Promise<Answer> {
    const client = identify(socket, tls);
    const { method = '', url = '' } = request;
    const { network, handler, key, query } = findRoute(method, url);
    const condition = readCondition(request);
    const body = () => readBody(request, limits.bodyBytes);
    return handler(await networkOf(network), { client, query, condition, body, gone }, key);
  }

  const requests = new WeakMap<Socket, number>();

  async function answer(request: http.IncomingMessage, response: http.ServerResponse) {
    const { socket } = request;
    // The request forgets it when the connection ends.
    const address = plainAddress(socket.remoteAddress);
    const gone = new AbortController();
    const count = (requests.get(socket) ?? 0) + 1;
    requests.set(socket, count);
    response.once('close', () => {
      requests.set(socket, (requests.get(socket) ?? 1) - 1);
      gone.abort();
    });
    try {
      if (count > limits.requestsPerConnection) {
        throw tooMany('requests on one connection', limits.requestsPerConnection);
      }
      const found = await handle(request, socket, gone.signal);
      send(response, found, closing.signal.aborted);
    } catch (error) {
      const refused = errorAnswer(error);
      tell(log, refused, error, { request, address });
      // What is still to come of the request is not waited for.
      send(response, refused, closing.signal.aborted || !request.complete || count > 1);
    }
  }

  const options: http.ServerOptions = {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: limits.idleMs,
    maxHeaderSize: limits.headerBytes,
  };
  const server =
    tls === undefined
      ? http.createServer(options, answer)
      : https.createServer({ ...options, ...tlsOptions(tls, limits) }, answer);
  server.maxHeadersCount = 100;
  server.setTimeout(limits.idleMs);
  server.on(
    'connection',
    admitConnections(limits, (address) => log.info('a connection too many', { client: address })),
  );
  server.on('clientError', refuseGarbage);
  const address = await listen(server, place);
  // A connection that breaks is the client's affair.
  server.on('error', (error) => log.warn(`the server: ${messageOf(error)}`));

  return {
    address,
    failed,
    async close() {
      closing.abort();
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      const limit = setTimeout(() => server.closeAllConnections(), CLOSE_LIMIT_MS);
      server.close(() => resolve());
      server.closeIdleConnections();
      await closed;
      clearTimeout(limit);
    },
  };
}

/** Tells of each outage once. */
function attendTo({ onUnavailable, onReturn }: StoreListener) {
  let isAway = false;
  return {
    storeAnswered() {
      if (isAway) onReturn();
      isAway = false;
    },
    storeFailed(error: unknown) {
      if (!(error instanceof TartanError) || error.code !== 'STORE_UNAVAILABLE') return;
      if (!isAway) onUnavailable(messageOf(error));
      isAway = true;
    },
  };
}

interface Asked {
  readonly request: http.IncomingMessage;
  /** Of the client. */
  readonly address: string;
}

function tell(log: Log, { status, text }: Answer, error: unknown, { request, address }: Asked) {
  const { method, url = '' } = request;
  const fields = { client: address, method, path: url.slice(0, 200) };
  if (status === 500) log.error(`a request failed: ${messageOf(error)}`, fields);
  else log.info(`refused with ${status}`, { ...fields, answer: text.slice(0, 300) });
}
