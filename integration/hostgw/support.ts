/** Hosts on one layer 2 whose pods are reached by the underlay, and what is sent and seen there. */
import assert from 'node:assert/strict';
import type { Host } from '../../lab/host.ts';
import type { Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import type { Namespace } from '../../lab/namespace.ts';
import { PATIENCE } from '../../lab/patience.ts';
import type { Pod } from '../../lab/pod.ts';
import { waitFor } from '../../lab/ready.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { openFileStore } from '../../src/store/file.ts';
import { startChat, startServer } from '../fastpath/talk.ts';

export const HOST_GW = { Network: '10.5.0.0/16', Backend: { Type: 'host-gw' } } as const;
export const FAST_HOST_GW = {
  ...HOST_GW,
  Backend: { ...HOST_GW.Backend, FastPath: true },
} as const;

/** The protocol number of our routes. */
export const OURS = '116';

export interface SeenRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol: string;
}

/** The routes to a destination, in the kernel's order. */
export async function routesTo(host: Host, destination: string): Promise<SeenRoute[]> {
  const argv = ['ip', '-json', '-4', 'route', 'show', 'table', 'main', 'exact', destination];
  return JSON.parse((await host.exec(argv)).stdout || '[]') as SeenRoute[];
}

/** Our own, as `destination via gateway`. */
export async function ownRoutes(host: Host): Promise<string[]> {
  const argv = ['ip', '-json', '-4', 'route', 'show', 'table', 'main', 'proto', OURS];
  const routes = JSON.parse((await host.exec(argv)).stdout || '[]') as SeenRoute[];
  return routes.map(({ dst, gateway }) => `${dst} via ${gateway}`).sort();
}

/** Another address of a host's subnet: `octet` is the last one. */
export function neighborOf({ address }: Host, octet: number): string {
  return address.replace(/\d+$/, `${octet}`);
}

/** Another PublicIP in a lease, as if its host had moved and renewed. */
export async function moveLease(lab: Lab, subnet: string, publicIp: string): Promise<void> {
  const store = await openFileStore({ path: `${folderOf(lab.name)}/store.db` });
  try {
    const lease = await store.get(parsePrefix(subnet));
    assert(lease, `a lease of ${subnet}`);
    await store.renew(lease, { ...lease.attributes, publicIp }, 86_400);
  } finally {
    await store.close();
  }
}

export interface Traffic {
  /** Waits until more pings have been answered. */
  goesOn(): Promise<void>;
  /** Ends it: no ping may have been lost, and the connection must have gone on. */
  end(): Promise<void>;
}

/** Pings every 5 ms, and a conversation over TCP. */
export async function startTraffic(from: Pod, to: Pod, port = 9000): Promise<Traffic> {
  const target = { address: to.address, port };
  const server = await startServer(to, target, 'there');
  const chat = await startChat(from, target);
  const pings = from.start(['ping', '-n', '-i', `${0.005 * PATIENCE}`, to.address]);
  const answers = () => pings.stdout().split('bytes from').length - 1;
  return {
    async goesOn() {
      const before = answers();
      await waitFor('pings are answered', () => answers() > before + 20);
    },
    async end() {
      const { stdout } = await pings.stop('SIGINT');
      const { answered, longestMs } = await chat.end();
      await server.stop();
      assert.match(stdout, / 0% packet loss/);
      assert(answered > 50, `${answered} answers`);
      assert(longestMs < 1000 * PATIENCE, `an answer took ${longestMs} ms`);
    },
  };
}

/** Whether tunnel packets leave an interface while pods talk. */
export async function isTunnelled(
  host: Namespace & Pick<Host, 'device'>,
  action: () => Promise<unknown>,
): Promise<boolean> {
  const filter = ['udp', 'port', '8472', 'or', 'net', '10.5.0.0/16'];
  const argv = ['tcpdump', '-i', host.device, '-Q', 'out', '-n', '-q', '-t', '--immediate-mode'];
  await using running = host.start([...argv, '-l', ...filter]);
  await waitFor('tcpdump listens', () => running.stderr().includes('listening on'));
  await action();
  await waitFor('packets are seen', () => running.stdout().includes('\n'));
  const { stdout } = await running.stop('SIGINT');
  const lines = stdout.trim().split('\n');
  const inTunnel = lines.filter((line) => /\.8472:/.test(line)).length;
  assert(inTunnel === 0 || inTunnel === lines.filter((l) => /^IP/.test(l)).length, stdout);
  return inTunnel > 0;
}
