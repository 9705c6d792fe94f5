import { folderOf, namespaceOf } from './names.ts';
import { type Namespace, namespaceNamed } from './namespace.ts';
import type { RunOptions, RunResult } from './process.ts';
import { waitFor } from './ready.ts';
import type { Topology } from './topology.ts';

/** The lab's etcd server. */
export interface Etcd {
  /** As reached from every host: `http://192.168.77.254:2379`. */
  readonly endpoint: string;
  /** Runs `etcdctl` (API v3) against it. */
  ctl(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The server's pid, for tests that stop and continue it. */
  pid(): number | null;
  /** Starts the server, again with the same data after a stop, and waits until it answers. */
  start(): Promise<void>;
  /** Ends the server, by SIGTERM unless another signal is named; its data stay. */
  stop(by?: NodeJS.Signals): Promise<void>;
}

/** The etcd of a lab, started or not. */
export function etcdOf(lab: string, topology: Topology, remembered: number | null = null): Etcd {
  const { node, address } = topology.service;
  const namespace: Namespace = namespaceNamed(namespaceOf(lab, node));
  const endpoint = `http://${address}:2379`;
  const folder = `${folderOf(lab)}/etcd`;
  let pid = remembered;

  const ctl: Etcd['ctl'] = (args, options) =>
    namespace.exec(['etcdctl', `--endpoints=${endpoint}`, ...args], {
      ...options,
      env: { ETCDCTL_API: '3', ...options?.env },
    });

  async function startServer(): Promise<void> {
    const server = namespace.start(
      [
        ...['etcd', '--name', lab, '--data-dir', folder, '--log-level', 'warn'],
        ...['--listen-client-urls', 'http://0.0.0.0:2379', '--advertise-client-urls', endpoint],
        ...['--listen-peer-urls', 'http://127.0.0.1:2380'],
        ...['--initial-advertise-peer-urls', 'http://127.0.0.1:2380'],
        // Alone, it is its own leader after the election timeout, and we need not wait a second for that.
        ...['--heartbeat-interval', '20', '--election-timeout', '200'],
        ...['--initial-cluster', `${lab}=http://127.0.0.1:2380`],
      ],
      { logFile: `${folderOf(lab)}/etcd.log` },
    );
    pid = server.pid;
    await waitFor(`etcd answers at ${endpoint} (its log: ${folderOf(lab)}/etcd.log)`, async () => {
      await ctl(['endpoint', 'health', '--command-timeout=1s']);
      return true;
    });
  }

  async function stopServer(by: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const running = pid;
    if (running === null) return;
    pid = null;
    signal(running, by);
    await waitFor(`etcd ${running} has ended`, () => !signal(running, 0));
  }

  return { endpoint, ctl, pid: () => pid, start: startServer, stop: stopServer };
}

/** Whether there was such a process. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
