import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3/lib/rpc.js';
import { TartanError } from '../errors.ts';
import { type Backoff, backoffMs } from '../jitter.ts';
import {
  etcdFailed,
  etcdUnavailable,
  isAuthNotEnabled,
  isMute,
  isOutage,
  isTokenOutdated,
  isUserMissing,
} from './etcd_errors.ts';
import { connect, type EtcdApi, type EtcdUser, type Member, TRY_LIMIT_MS } from './etcd_member.ts';
import { type EtcdStoreOptions, parseEndpoints } from './etcd_options.ts';
import { firstListening } from './etcd_probe.ts';
import { pause } from './pause.ts';
import { readTlsFiles } from './tls_files.ts';

/** What a store's operation may take, all its calls and their tries together. */
const OPERATION_LIMIT_MS = 8_000;
/** How often each endpoint is tried: again once, because the first try may meet a connection that died unnoticed. */
const ROUNDS = 2;
const BETWEEN_ROUNDS: Backoff = { firstMs: 50, limitMs: 50 };

/** Connections made anew for the sake of the user: more in one operation would be going round in circles. */
const MOST_CURES = 2;

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
  /** Gives up all connections, and what waits for an answer on them. */
  reconnect(): void;
  close(): void;
}

/** @throws TartanError `USAGE`, `FILE`. Nothing is sent yet. */
export function createEtcdClient(options: EtcdStoreOptions): EtcdClient {
  const endpoints = parseEndpoints(options.endpoints);
  const tls = readTlsFiles('etcd', options);
  const description = `etcd ${endpoints.map((endpoint) => endpoint.url).join(',')}`;
  const { username, password = '' } = options;
  const user: EtcdUser | null = username === undefined ? null : { username, password };
  /** Whom etcd has taken us for last; null: nobody. */
  let identity = user;
  let members = endpoints.map((endpoint) => connect(endpoint, tls, identity));
  const watches = new Set<WatchStream>();
  let last: Member | null = members.length === 1 ? (members[0] ?? null) : null;
  let isClosed = false;

  /**
   * @param giveUpAt by the clock that nobody sets
   * @param cured how often the connections were made anew for this call, by it or another one
   */
  async function call<T>(use: EtcdCall<T>, giveUpAt: number, cured = 0): Promise<T> {
    let isRepeated = cured > 0;
    let failure: unknown = null;
    for (let round = 0; round < ROUNDS && performance.now() < giveUpAt; round++) {
      if (round > 0) await pause(backoffMs(0, BETWEEN_ROUNDS, Math.random()));
      const silent = new Set<Member>();
      while (silent.size < members.length && performance.now() < giveUpAt) {
        if (isClosed) throw closedError(description);
        const member = await pickMember(silent, giveUpAt);
        if (member === null) break;
        const limit =
          members.length - silent.size > 1 ? performance.now() + TRY_LIMIT_MS : giveUpAt;
        try {
          const answer = await use(member.api, {
            deadline: Date.now() + Math.min(limit, giveUpAt) - performance.now(),
            isRepeated,
          });
          // Another call may have closed this connection meanwhile.
          if (members.includes(member)) last = member;
          return answer;
        } catch (error) {
          if (cured < MOST_CURES && hasCured(member, error)) return call(use, giveUpAt, cured + 1);
          if (!isOutage(error)) throw etcdFailed(description, error);
          if (failure === null || !isMute(error)) failure = error;
          isRepeated = true;
          silent.add(member);
          if (last === member && members.length > 1) last = null;
        }
      }
    }
    const reason =
      performance.now() < giveUpAt ? 'no endpoint listens' : 'it does not answer in time';
    throw etcdUnavailable(description, failure ?? new Error(reason));
  }

  async function pickMember(silent: ReadonlySet<Member>, giveUpAt: number): Promise<Member | null> {
    if (last !== null && !silent.has(last)) return last;
    const candidates = members.filter((member) => !silent.has(member));
    if (members.length === 1) return candidates[0] ?? null;
    return firstListening(candidates, Math.min(TRY_LIMIT_MS, giveUpAt - performance.now()));
  }

  /**
   * Makes the connections anew if that helps. As etcd's own client has it, a user is no error where the server asks for
   * none; but it may ask for one later. A token also ends when users or roles are changed, which etcd3 does not know.
   */
  function hasCured(member: Member, error: unknown): boolean {
    // A call at the same time has met the same, and closed this connection.
    if (!members.includes(member)) return true;
    if (user === null) return false;
    if (isAuthNotEnabled(error)) identity = null;
    else if (isTokenOutdated(error) || isUserMissing(error)) identity = user;
    else return false;
    reconnect();
    return true;
  }

  function reconnect(): void {
    for (const member of members) member.close();
    members = endpoints.map((endpoint) => connect(endpoint, tls, identity));
    last = members.length === 1 ? (members[0] ?? null) : null;
  }

  return {
    description,
    begin() {
      const giveUpAt = performance.now() + OPERATION_LIMIT_MS;
      return { call: (use) => call(use, giveUpAt) };
    },
    async openWatch() {
      if (isClosed) throw closedError(description);
      const member = last ?? (await pickMember(new Set(), performance.now() + TRY_LIMIT_MS));
      if (member === null) throw etcdUnavailable(description, new Error('no endpoint listens'));
      return member.pool.withConnection('Watch', ({ client, metadata }) => {
        const headers = metadata.clone();
        // Without it a member that has lost its cluster keeps the stream open and silent.
        headers.set('hasleader', 'true');
        const stream = (client as unknown as WatchCaller).watch(headers, {});
        watches.add(stream);
        // Each ends by an error: it is cancelled at the latest.
        stream.on('error', () => watches.delete(stream));
        return stream;
      });
    },
    reconnect() {
      if (isClosed) return;
      reconnect();
      // Closing leaves what is under way alone.
      for (const stream of watches) stream.cancel();
    },
    close() {
      isClosed = true;
      for (const member of members) member.close();
    },
  };
}

/** etcd3 makes its callers from etcd's .proto files at run time; this is the one that it has no type for. */
interface WatchCaller {
  watch(metadata: unknown, options: object): WatchStream;
}

function closedError(description: string): TartanError {
  return new TartanError('INTERNAL', `${description} is closed`, 'Report this as a bug.');
}
