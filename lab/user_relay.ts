/** A host whose packets `tartan relay` carries: the device and the routes that `join` would make, made by hand. */
import { FLANNEL_UDP_DEVICE, type FlannelUdpHost } from './flannel_udp.ts';
import { CHECKOUT, type Host } from './host.ts';
import type { Running } from './process.ts';
import { waitFor } from './ready.ts';

const DEVICE = FLANNEL_UDP_DEVICE;

/** The device, its address, the route of the network and one for each peer. */
export async function addUserDevice(
  host: Host,
  { subnet, mtu, peers, network = '10.5.0.0/16' }: FlannelUdpHost,
): Promise<void> {
  const make = `import { createTun } from '${CHECKOUT}/src/sys/tun.ts'; createTun('${DEVICE}');`;
  await host.exec([process.execPath, '--input-type=module', '-e', make]);
  await host.exec(['ip', '-batch', '-'], {
    input: `
address add ${subnet.replace(/\/\d+$/, '')}/32 dev ${DEVICE}
link set ${DEVICE} mtu ${mtu} up
route add ${network} dev ${DEVICE} proto 116
${peers.map((peer) => peerRoute('add', peer.subnet, peer.publicIp)).join('\n')}
`,
  });
}

/** A line for `ip -batch`. */
export function peerRoute(verb: string, subnet: string, publicIp: string): string {
  return `route ${verb} ${subnet} via ${publicIp} dev ${DEVICE} onlink proto 116`;
}

export interface RelayEvent {
  readonly type: string;
  readonly peers?: number;
  readonly counters?: Readonly<Record<string, number>>;
}

export interface UserRelay extends Running {
  events(): RelayEvent[];
  /** The counters of the last event that had some. */
  counters(): Readonly<Record<string, number>>;
}

/** Starts the relay, and waits until it is ready. */
export async function startUserRelay(host: Host, args: readonly string[] = []): Promise<UserRelay> {
  const running = host.startTartan(['relay', '--bind', host.address, ...args]);
  const events = () =>
    running
      .stdout()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as RelayEvent);
  await waitFor(`the relay of host ${host.name} is ready`, () => {
    if (running.stderr() !== '') throw new Error(running.stderr());
    return events().some(({ type }) => type === 'ready');
  });
  const counters = () => events().findLast((event) => event.counters)?.counters ?? {};
  return { ...running, events, counters };
}
