/** What the host looks like beside our own objects. */
import { readFile } from 'node:fs/promises';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import { formatPrefix, prefixOf } from '../net/prefix.ts';
import type { HostRoute } from '../plan/routes.ts';
import { nameOfInterface } from '../sys/interfaces.ts';
import { SystemError } from '../sys/libc.ts';
import {
  lookUpWay,
  type RouteRecord,
  readRouteRecords,
  type WayOut,
} from '../sys/rtnetlink/routes.ts';
import type { HostReader } from './contract.ts';
import { readInterfaces, toHostInterface } from './interfaces.ts';
import { reading } from './kernel_error.ts';
import { readForwardChains, readNat } from './netfilter.ts';
import { ROUTE_PROTOCOL } from './observe.ts';

/** Names of devices, each asked for once. */
function deviceNames(): (index: number) => string | undefined {
  const known = new Map<number, string | undefined>();
  return (index) => {
    if (!known.has(index)) known.set(index, nameOfInterface(index));
    return known.get(index);
  };
}

/** What leads nowhere (`unreachable`), and what leads to several next hops, has no device of its own. */
function toHostRoute(record: RouteRecord, nameOf: (index: number) => string | undefined) {
  const { destination: address, length, gateway, index, isUnicast, metric } = record;
  const device = isUnicast && index !== null ? (nameOf(index) ?? '') : '';
  const destination = formatPrefix(prefixOf(address, length));
  return { destination, via: gateway === null ? null : formatIpv4(gateway), device, metric };
}

/** Reads the host from the kernel. */
export const hostReader: HostReader = {
  readInterfaces() {
    return reading("the host's interfaces", () => readInterfaces().map(toHostInterface));
  },

  defaultRouteInterfaces() {
    return reading("the host's default routes", () =>
      readRouteRecords()
        .filter(({ length }) => length === 0)
        .toSorted((a, b) => a.metric - b.metric)
        .flatMap(({ index, nextHopIndexes }) => [index ?? 0, ...nextHopIndexes])
        .flatMap((index) => nameOfInterface(index) ?? []),
    );
  },

  wayTowards(address) {
    return reading(`the way to ${address}`, () => {
      const way = wayOrNone(parseIpv4(address));
      const device = way && nameOfInterface(way.index);
      if (!way || device === undefined || device === null) return null;
      return { device, source: way.source === null ? null : formatIpv4(way.source) };
    });
  },

  readRoutes() {
    const nameOf = deviceNames();
    return reading("the host's routes", () =>
      readRouteRecords()
        .filter(({ protocol, tos }) => protocol !== ROUTE_PROTOCOL && tos === 0)
        .map((record): HostRoute => toHostRoute(record, nameOf)),
    );
  },

  async readForwarding(device) {
    const [byDefault, byUnderlay] = await Promise.all(['all', device].map(isForwarding));
    return { byDefault: byDefault ?? true, byUnderlay: byUnderlay ?? true };
  },

  readNat,
  readForwardChains,
};

const NO_WAY = ['ENETUNREACH', 'EHOSTUNREACH', 'EINVAL', 'EACCES'];

function wayOrNone(destination: number): WayOut | null {
  try {
    return lookUpWay(destination);
  } catch (error) {
    if (error instanceof SystemError && NO_WAY.includes(error.errno)) return null;
    throw error;
  }
}

/** null: the kernel does not say. */
async function isForwarding(scope: string): Promise<boolean | null> {
  const text = await readFile(`/proc/sys/net/ipv4/conf/${scope}/forwarding`, 'utf8').catch(
    () => null,
  );
  return text === null ? null : text.trim() !== '0';
}
