import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import { type Certificates, makeCertificates } from './certificates.ts';

const run = promisify(execFile);
const START_LIMIT_MS = 10_000;

/** One etcd of our own, on free ports of the loopback, with its data in a temporary folder. */
export interface EtcdServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Set if it was started with TLS. */
  readonly certificates: Certificates | null;
  /** `root:password`: whom etcdctl is to be, once etcd asks for users. */
  login: string | null;
  /** Runs `etcdctl`. @returns what it printed */
  etcdctl(args: readonly string[], input?: string): Promise<string>;
  /** Ends the process at once and keeps the data. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data. */
  restart(): Promise<void>;
  /** Starts it again on what `etcdctl snapshot save` wrote, instead of its data. */
  restore(backup: string): Promise<void>;
}

/** What is to be cleared away if the test's process ends without disposing. */
const alive = new Set<{ process: ChildProcess | null; folder: string }>();
process.on('exit', () => {
  for (const server of alive) {
    server.process?.kill('SIGKILL');
    rmSync(server.folder, { recursive: true, force: true });
  }
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

export interface EtcdServerOptions {
  /** `server`: clients check the server; `mutual`: the server checks its clients too. */
  readonly tls?: 'server' | 'mutual';
  /** More flags of etcd. */
  readonly flags?: readonly string[];
  /** Name of a network namespace, as in /run/netns; else our own. */
  readonly namespace?: string;
  /** A member of a cluster that is started with the others. */
  readonly member?: EtcdMember;
}

export interface EtcdMember {
  readonly name: string;
  readonly ports: readonly [client: number, peer: number];
  /** etcd's `--initial-cluster`. */
  readonly cluster: string;
}

/** So many tokens that end too early are no accident. */
const MOST_TOKENS = 5;

export async function startEtcd(options: EtcdServerOptions = {}): Promise<EtcdServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-etcd-'));
  const state = { process: null as ChildProcess | null, folder, login: null as string | null };
  alive.add(state);
  const { flags = [], namespace } = options;
  const [port, peerPort] = options.member?.ports ?? (await freePorts());
  const certificates = options.tls ? await makeCertificates(folder) : null;
  const url = `${certificates ? 'https' : 'http'}://127.0.0.1:${port}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const enter = namespace === undefined ? [] : ['nsenter', `--net=/run/netns/${namespace}`, '--'];

  async function start(): Promise<void> {
    // The kernel ends etcd with us, even where no handler of ours gets to run.
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', '--', ...enter, 'etcd', '--log-level', 'fatal'],
        ...['--name', options.member?.name ?? 'default', '--data-dir', join(folder, 'data')],
        ...['--heartbeat-interval', '20', '--election-timeout', '200'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        ...['--initial-cluster', options.member?.cluster ?? `default=${peerUrl}`],
        ...tlsFlags(certificates, options.tls),
        ...flags,
      ],
      { stdio: 'ignore' },
    );
    state.process = child;
    await waitForHealth(child, () => etcdctl(['endpoint', 'health']), namespace ? null : port);
  }

  async function etcdctl(args: readonly string[], input?: string, tries = 1): Promise<string> {
    const tls = certificates
      ? [
          ...['--cacert', certificates.ca],
          ...['--cert', certificates.client.cert, '--key', certificates.client.key],
        ]
      : [];
    const user = state.login === null ? [] : ['--user', state.login];
    const flags = ['--endpoints', url, ...tls, ...user];
    const [file = '', ...rest] = [...enter, 'etcdctl', ...flags, ...args];
    const running = run(file, rest, { env: { ...process.env, ETCDCTL_API: '3' } });
    // It may end without reading.
    running.child.stdin?.on('error', () => undefined).end(input ?? '');
    try {
      return (await running).stdout;
    } catch (error) {
      // A token may live for a second or less, and etcdctl asks for no other one where it compacts or defragments.
      if (tries === MOST_TOKENS || !messageOf(error).includes('invalid auth token')) throw error;
      return etcdctl(args, input, tries + 1);
    }
  }

  async function kill(): Promise<void> {
    const child = state.process;
    state.process = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  try {
    await start();
  } catch (error) {
    await kill();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    url,
    port,
    certificates,
    get login() {
      return state.login;
    },
    set login(login) {
      state.login = login;
    },
    etcdctl,
    kill,
    restart: start,
    async restore(backup) {
      await kill();
      const data = join(folder, 'data');
      rmSync(data, { recursive: true });
      const cluster = ['--initial-cluster', `default=${peerUrl}`];
      const self = ['--initial-advertise-peer-urls', peerUrl, '--data-dir', data];
      await etcdctl(['snapshot', 'restore', backup, ...cluster, ...self]);
      await start();
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
      alive.delete(state);
    },
  };
}

/** A trusted CA alone would make etcd ask its clients for certificates. */
function tlsFlags(certificates: Certificates | null, tls: EtcdServerOptions['tls']): string[] {
  if (certificates === null) return [];
  const { ca, server } = certificates;
  return [
    ...['--cert-file', server.cert, '--key-file', server.key],
    ...(tls === 'mutual' ? ['--client-cert-auth', '--trusted-ca-file', ca] : []),
  ];
}

/** @param port null: in another namespace, where we cannot see it */
async function waitForHealth(
  child: ChildProcess,
  ask: () => Promise<string>,
  port: number | null,
): Promise<void> {
  const giveUpAt = performance.now() + START_LIMIT_MS;
  while (performance.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`etcd ended with status ${child.exitCode}`);
    if (port === null || (await accepts(port))) {
      const healthy = await ask().then(
        () => true,
        () => false,
      );
      if (healthy) return;
    }
    await delay(20);
  }
  throw new Error(`etcd did not answer (port ${port}) within ${START_LIMIT_MS} ms`);
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Two ports that nobody listens on now. */
export async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as { port: number }).port);
  }
  for (const server of servers) server.close();
  return [ports[0] ?? 0, ports[1] ?? 0];
}
