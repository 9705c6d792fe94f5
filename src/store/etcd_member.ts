/** The connection to one member of an etcd cluster. */
import { ConnectionPool } from 'etcd3/lib/connection-pool.js';
import type { IOptions } from 'etcd3/lib/options.js';
import { AuthClient, KVClient, LeaseClient } from 'etcd3/lib/rpc.js';
import type { EtcdEndpoint } from './etcd_options.ts';
import type { TlsFiles } from './tls_files.ts';

/** One try, while there are other endpoints that could be asked instead. */
export const TRY_LIMIT_MS = 3_000;

/** etcd3's generated calls, without its own retrying, leasing and watching on top. */
export interface EtcdApi {
  readonly kv: KVClient;
  readonly lease: LeaseClient;
}

/** What etcd3 tries again by itself it does without knowing what was carried out already; so it shall not. */
const TRY_ONCE = { execute: async (use: () => unknown) => use() } as unknown as NonNullable<
  NonNullable<IOptions['faultHandling']>['global']
>;

export interface Member extends EtcdEndpoint {
  readonly pool: ConnectionPool;
  readonly api: EtcdApi;
  close(): void;
}

/** Whom to be for etcd. */
export interface EtcdUser {
  readonly username: string;
  readonly password: string;
}

/**
 * Nothing is sent yet. The token is fetched before the first call, and anew when etcd takes it for invalid.
 * @param user null: nobody
 */
export function connect(endpoint: EtcdEndpoint, tls: TlsFiles, user: EtcdUser | null): Member {
  const pools = [openPool(endpoint, tls)];
  const [pool] = pools as [ConnectionPool];
  if (user !== null) {
    const anonymous = openPool(endpoint, tls);
    pools.push(anonymous);
    Object.assign(pool, { authenticator: authenticatorOf(anonymous, user) });
  }
  return {
    ...endpoint,
    pool,
    api: { kv: new KVClient(pool), lease: new LeaseClient(pool) },
    close() {
      for (const one of pools) one.close();
    },
  };
}

function openPool({ host, port, isSecure }: EtcdEndpoint, tls: TlsFiles): ConnectionPool {
  const hostAndPort = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new ConnectionPool({
    hosts: `${isSecure ? 'https' : 'http'}://${hostAndPort}`,
    // etcd3 calls for all three as buffers; gRPC itself takes null for "the default".
    ...(isSecure && { credentials: tls as { rootCertificate: Buffer } }),
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
}

/** What etcd3's pool asks for the headers of each call. */
interface Authenticator {
  getMetadata(): Promise<Metadata>;
  /** etcd has called the token invalid. */
  invalidateMetadata(): void;
}

/**
 * In the place of etcd3's own, which opens a connection for each token, closes none, and does not say why one cannot be
 * had.
 */
function authenticatorOf(anonymous: ConnectionPool, user: EtcdUser): Authenticator {
  let pending: Promise<Metadata> | null = null;
  return {
    getMetadata() {
      pending ??= fetchToken(anonymous, user).catch((error: unknown) => {
        pending = null;
        throw error;
      });
      return pending;
    },
    invalidateMetadata() {
      pending = null;
    },
  };
}

async function fetchToken(anonymous: ConnectionPool, user: EtcdUser): Promise<Metadata> {
  const { token } = await new AuthClient(anonymous).authenticate(
    { name: user.username, password: user.password },
    { deadline: Date.now() + TRY_LIMIT_MS },
  );
  return anonymous.withConnection('Auth', ({ metadata }) => {
    const headers = metadata.clone();
    headers.set('token', token);
    return Promise.resolve(headers);
  });
}

type Metadata = Parameters<Parameters<ConnectionPool['withConnection']>[1]>[0]['metadata'];
