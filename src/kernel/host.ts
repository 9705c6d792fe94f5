/** What the host looks like beside our own objects. */
import { readFile } from 'node:fs/promises';
import type { HostRoute } from '../plan/routes.ts';
import type { HostReader } from './contract.ts';
import { readJson } from './iproute.ts';
import { readIpInterfaces, toHostInterface } from './links.ts';
import { readForwardChains, readNat } from './netfilter.ts';
import { ROUTE_PROTOCOL } from './observe.ts';

interface DefaultRoute {
  readonly dev?: string;
  readonly metric?: number;
  /** Of a route by several ways at once, which has no device of its own. */
  readonly nexthops?: readonly { readonly dev?: string }[];
}

/** What is read of `ip -json -details route show`. */
interface IpRoute {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
  readonly metric?: number;
  /** Set where the route is for packets of one type of service only. */
  readonly tos?: string;
}

/** What leads nowhere (`unreachable`), and what leads to several next hops, has no device of its own. */
function toHostRoute({ type, dst, gateway, dev, protocol, metric, tos }: IpRoute): HostRoute[] {
  if (protocol === String(ROUTE_PROTOCOL) || tos !== undefined) return [];
  const destination = dst === 'default' ? '0.0.0.0/0' : dst.includes('/') ? dst : `${dst}/32`;
  const device = type === 'unicast' ? (dev ?? '') : '';
  return [{ destination, via: gateway ?? null, device, metric: metric ?? 0 }];
}

/** Reads the host by iproute2. */
export const hostReader: HostReader = {
  async readInterfaces() {
    return (await readIpInterfaces()).map(toHostInterface);
  },

  async defaultRouteInterfaces() {
    const routes = await readJson<DefaultRoute>('ip', '-4', 'route', 'show', 'default');
    const byPreference = routes.toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
    return byPreference.flatMap(({ dev, nexthops = [] }) =>
      [dev, ...nexthops.map((hop) => hop.dev)].filter((name) => name !== undefined),
    );
  },

  async readRoutes() {
    const routes = await readJson<IpRoute>(
      'ip',
      '-details',
      '-4',
      'route',
      'show',
      'table',
      'main',
    );
    return routes.flatMap(toHostRoute);
  },

  async readForwarding(device) {
    const [byDefault, byUnderlay] = await Promise.all(['all', device].map(isForwarding));
    return { byDefault: byDefault ?? true, byUnderlay: byUnderlay ?? true };
  },

  readNat,
  readForwardChains,
};

/** null: the kernel does not say. */
async function isForwarding(scope: string): Promise<boolean | null> {
  const text = await readFile(`/proc/sys/net/ipv4/conf/${scope}/forwarding`, 'utf8').catch(
    () => null,
  );
  return text === null ? null : text.trim() !== '0';
}
