import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Certificates, makeCertificates } from './certificates.ts';

const run = promisify(execFile);
const START_LIMIT_MS = 10_000;

/** One etcd of our own, on free ports of the loopback, with its data in a temporary folder. */
export interface EtcdServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Set if it was started with TLS. */
  readonly certificates: Certificates | null;
  /** Runs `etcdctl`. @returns what it printed */
  etcdctl(args: readonly string[], input?: string): Promise<string>;
  /** Ends the process at once and keeps the data. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data. */
  restart(): Promise<void>;
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

/** `server`: clients check the server; `mutual`: the server checks its clients too. */
export async function startEtcd(options: { tls?: 'server' | 'mutual' } = {}): Promise<EtcdServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-etcd-'));
  const state = { process: null as ChildProcess | null, folder };
  alive.add(state);
  const [port, peerPort] = await freePorts();
  const certificates = options.tls ? await makeCertificates(folder) : null;
  const url = `${certificates ? 'https' : 'http'}://127.0.0.1:${port}`;

  async function start(): Promise<void> {
    // The kernel ends etcd with us, even where no handler of ours gets to run.
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', '--', 'etcd', '--log-level', 'fatal'],
        ...['--data-dir', join(folder, 'data')],
        ...['--heartbeat-interval', '20', '--election-timeout', '200'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
        ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`],
        ...['--initial-cluster', `default=http://127.0.0.1:${peerPort}`],
        ...(certificates
          ? [
              ...['--cert-file', certificates.server.cert, '--key-file', certificates.server.key],
              // A trusted CA alone would make etcd ask its clients for certificates.
              ...(options.tls === 'mutual'
                ? ['--client-cert-auth', '--trusted-ca-file', certificates.ca]
                : []),
            ]
          : []),
      ],
      { stdio: 'ignore' },
    );
    state.process = child;
    await waitForHealth(child, () => etcdctl(['endpoint', 'health']), port);
  }

  async function etcdctl(args: readonly string[], input?: string): Promise<string> {
    const tls = certificates
      ? [
          ...['--cacert', certificates.ca],
          ...['--cert', certificates.client.cert, '--key', certificates.client.key],
        ]
      : [];
    const running = run('etcdctl', ['--endpoints', url, ...tls, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
    });
    running.child.stdin?.end(input ?? '');
    return (await running).stdout;
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
    etcdctl,
    kill,
    restart: start,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
      alive.delete(state);
    },
  };
}

async function waitForHealth(
  child: ChildProcess,
  ask: () => Promise<string>,
  port: number,
): Promise<void> {
  const giveUpAt = performance.now() + START_LIMIT_MS;
  while (performance.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`etcd ended with status ${child.exitCode}`);
    if (await accepts(port)) {
      const healthy = await ask().then(
        () => true,
        () => false,
      );
      if (healthy) return;
    }
    await delay(20);
  }
  throw new Error(`etcd did not answer on port ${port} within ${START_LIMIT_MS} ms`);
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
