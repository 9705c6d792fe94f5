import { ConnectionPool } from 'etcd3/lib/connection-pool.js';
import type { IOptions } from 'etcd3/lib/options.js';
import {
  type IDuplexStream,
  type IWatchRequest,
  type IWatchResponse,
  KVClient,
  LeaseClient,
} from 'etcd3/lib/rpc.js';
import { TartanError } from '../errors.ts';
import { etcdFailed, etcdUnavailable, isAuthNotEnabled, isOutage } from './etcd_errors.ts';
import {
  type EtcdEndpoint,
  type EtcdStoreOptions,
  parseEndpoints,
  readTlsFiles,
  type TlsFiles,
} from './etcd_options.ts';
import { firstListening } from './etcd_probe.ts';
import { backoffMs, pause } from './pause.ts';

/** What a store's operation may take, all its calls and their tries together. */
const OPERATION_LIMIT_MS = 8_000;
/** One try, while there are other endpoints that could be asked instead. */
const TRY_LIMIT_MS = 3_000;
/** How often each endpoint is tried: again once, because the first try may meet a connection that died unnoticed. */
const ROUNDS = 2;

/** etcd3's generated calls, without its own retrying, leasing and watching on top. */
export interface EtcdApi {
  readonly kv: KVClient;
  readonly lease: LeaseClient;
}

/** One try of a call. */
export interface EtcdTry {
  /** Milliseconds since 1970. */
  readonly deadline: number;
  /** True if an earlier try may have been carried out although its answer was lost. */
  readonly isRepeated: boolean;
}

export type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse> &
  AsyncIterable<IWatchResponse>;

/** A call to etcd, as a function of whom to ask. */
export type EtcdCall<T> = (api: EtcdApi, attempt: EtcdTry) => Promise<T>;

/** The calls of one operation: they share its time limit. */
export interface EtcdCaller {
  /**
   * Asks one endpoint, and the next one if there is no answer.
   * @throws TartanError `STORE_UNAVAILABLE`, within 8 s from the operation's begin; `STORE_FAILED`
   */
  call<T>(use: EtcdCall<T>): Promise<T>;
}

export interface EtcdClient {
  /** `etcd http://127.0.0.1:2379` */
  readonly description: string;
  /** Begins an operation: its time limit runs from now. */
  begin(): EtcdCaller;
  /** A watch stream to the endpoint that answered last. */
  openWatch(): Promise<WatchStream>;
  close(): void;
}

/** @throws TartanError `USAGE`, `FILE`. Nothing is sent yet. */
export function createEtcdClient(options: EtcdStoreOptions): EtcdClient {
  const endpoints = parseEndpoints(options.endpoints);
  const tls = readTlsFiles(options);
  const description = `etcd ${endpoints.map((endpoint) => endpoint.url).join(',')}`;
  let members = endpoints.map((endpoint) => connect(endpoint, tls, options));
  let last: Member | null = members.length === 1 ? (members[0] ?? null) : null;
  let isClosed = false;

  async function call<T>(use: EtcdCall<T>, giveUpAt: number): Promise<T> {
    let isRepeated = false;
    let failure: unknown = new Error('no endpoint listens');
    for (let round = 0; round < ROUNDS && Date.now() < giveUpAt; round++) {
      if (round > 0) await pause(backoffMs(0, 50, 50));
      const silent = new Set<Member>();
      while (silent.size < members.length && Date.now() < giveUpAt) {
        if (isClosed) throw closedError(description);
        const member = await pickMember(silent, giveUpAt);
        if (member === null) break;
        const limit = members.length - silent.size > 1 ? Date.now() + TRY_LIMIT_MS : giveUpAt;
        try {
          const answer = await use(member.api, {
            deadline: Math.min(limit, giveUpAt),
            isRepeated,
          });
          last = member;
          return answer;
        } catch (error) {
          if (isAuthNotEnabled(error)) {
            forgetUser();
            return call(use, giveUpAt);
          }
          if (!isOutage(error)) throw etcdFailed(description, error);
          failure = error;
          isRepeated = true;
          silent.add(member);
          if (last === member && members.length > 1) last = null;
        }
      }
    }
    throw etcdUnavailable(description, failure);
  }

  async function pickMember(silent: ReadonlySet<Member>, giveUpAt: number): Promise<Member | null> {
    if (last !== null && !silent.has(last)) return last;
    const candidates = members.filter((member) => !silent.has(member));
    if (members.length === 1) return candidates[0] ?? null;
    return firstListening(candidates, Math.min(TRY_LIMIT_MS, giveUpAt - Date.now()));
  }

  /** As etcd's own client does: a user is no error where the server asks for none. */
  function forgetUser(): void {
    const { username, password: _password, ...anonymous } = options;
    // A call at the same time may have met the same.
    if (username === undefined) return;
    for (const member of members) member.pool.close();
    options = anonymous;
    members = endpoints.map((endpoint) => connect(endpoint, tls, options));
    last = members.length === 1 ? (members[0] ?? null) : null;
  }

  return {
    description,
    begin() {
      const giveUpAt = Date.now() + OPERATION_LIMIT_MS;
      return { call: (use) => call(use, giveUpAt) };
    },
    async openWatch() {
      if (isClosed) throw closedError(description);
      const member = last ?? (await pickMember(new Set(), Date.now() + TRY_LIMIT_MS));
      if (member === null) throw etcdUnavailable(description, new Error('no endpoint listens'));
      return member.pool.withConnection('Watch', ({ client, metadata }) => {
        const headers = metadata.clone();
        // Without it a member that has lost its cluster keeps the stream open and silent.
        headers.set('hasleader', 'true');
        return (client as unknown as WatchCaller).watch(headers, {});
      });
    },
    close() {
      isClosed = true;
      for (const member of members) member.pool.close();
    },
  };
}

/** etcd3 makes its callers from etcd's .proto files at run time; this is the one that it has no type for. */
interface WatchCaller {
  watch(metadata: unknown, options: object): WatchStream;
}

/** What etcd3 tries again by itself it does without knowing what was carried out already; so it shall not. */
const TRY_ONCE = { execute: async (use: () => unknown) => use() } as unknown as NonNullable<
  NonNullable<IOptions['faultHandling']>['global']
>;

interface Member extends EtcdEndpoint {
  readonly pool: ConnectionPool;
  readonly api: EtcdApi;
}

function connect(endpoint: EtcdEndpoint, tls: TlsFiles, options: EtcdStoreOptions): Member {
  const { username, password = '' } = options;
  const hostAndPort = `${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
  const pool = new ConnectionPool({
    hosts: `${endpoint.isSecure ? 'https' : 'http'}://${hostAndPort}`,
    // etcd3 calls for all three as buffers; gRPC itself takes null for "the default".
    ...(endpoint.isSecure && { credentials: tls as { rootCertificate: Buffer } }),
    ...(username !== undefined && {
      auth: { username, password, callOptions: () => ({ deadline: Date.now() + TRY_LIMIT_MS }) },
    }),
    faultHandling: { global: TRY_ONCE, host: () => TRY_ONCE },
    grpcOptions: {
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      // A peer that vanished without a word is noticed within 15 s. etcd refuses pings more often than every 5 s.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      // Ten thousand leases come in one answer of a watch after a long absence.
      'grpc.max_receive_message_length': -1,
      'grpc.enable_http_proxy': 0,
    },
  });
  return { ...endpoint, pool, api: { kv: new KVClient(pool), lease: new LeaseClient(pool) } };
}

function closedError(description: string): TartanError {
  return new TartanError('INTERNAL', `${description} is closed`, 'Report this as a bug.');
}
