import { TartanError } from '../errors.ts';
import type { HostInterface, HostReader } from '../kernel/contract.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { broadcastOf, formatPrefix, prefixOf } from '../net/prefix.ts';
import { isOverlayDevice } from '../plan/links.ts';
import { readPattern } from './pattern.ts';

/** How the underlay interface is chosen. By nothing of it: the interface of the default route. */
export interface UnderlayChoice {
  /** Names or addresses, in order of preference. */
  readonly ifaces: readonly string[];
  /** Behind those: expressions for a name or an address, each taking the first interface that it fits. */
  readonly ifacePatterns: readonly string[];
  /** With neither: the interface by which packets to this address leave. */
  readonly canReach: string | null;
  /** The address that other hosts use for this one; null: the interface's own. It need not be on an interface (NAT). */
  readonly publicIp: string | null;
}

/** The underlay as it was found. */
export interface Underlay {
  readonly interface: {
    readonly name: string;
    readonly address: string;
    readonly prefixLength: number;
    readonly mtu: number;
  };
  readonly publicIp: string;
  /** What is not as it should be, though it does for now; absent: nothing. */
  readonly doubt?: string;
}

type Found = { readonly interface: Underlay['interface'] } | { readonly failure: string };

/**
 * Finds the interface that carries the tunnel. Where none was named, one that carries it already goes on as long as it
 * has a default route, though another may be preferred now, or as long as nobody has one: a VPN that comes up, or a
 * route that is away for a moment, shall not move the host to another PublicIP.
 * @param present the interface that carries it now, if one does
 * @throws TartanError `INTERFACE` naming each candidate and what is wrong with it
 */
export async function findUnderlay(
  host: HostReader,
  choice: UnderlayChoice,
  present: string | null = null,
): Promise<Underlay> {
  // Routes first: an interface that goes down is down before its routes are gone.
  const routed = await candidatesByRoute(host, choice, present);
  // An overlay's own device, ours or flanneld's, carries no tunnel.
  const interfaces = (await host.readInterfaces()).filter(({ name }) => !isOverlayDevice(name));
  const { wanted, doubt, failures: missing } = routed ?? candidatesByName(interfaces, choice);
  const failures = [...missing];
  for (const candidate of wanted) {
    const found = examine(interfaces, candidate);
    if ('interface' in found) {
      const publicIp = choice.publicIp ?? found.interface.address;
      requireUnicast(publicIp, found.interface);
      return { ...found, publicIp, ...(doubt !== null && { doubt }) };
    }
    failures.push(found.failure);
  }
  throw new TartanError(
    'INTERFACE',
    failures.join('; '),
    `Bring it up and give it an IPv4 address, or name another with --iface; there are ${namesOf(interfaces)}.`,
  );
}

interface Candidates {
  /** Names or addresses. */
  readonly wanted: readonly string[];
  /** What is wrong with those that are not among them. */
  readonly failures: readonly string[];
  readonly doubt: string | null;
}

/** null: it is told by name. */
function candidatesByRoute(
  host: HostReader,
  { ifaces, ifacePatterns, canReach }: UnderlayChoice,
  present: string | null,
): Promise<Candidates> | null {
  if (ifaces.length > 0 || ifacePatterns.length > 0) return null;
  if (canReach !== null) return candidateTowards(host, canReach, present);
  return candidatesByDefault(host, present);
}

function candidatesByName(
  interfaces: readonly HostInterface[],
  { ifaces, ifacePatterns }: UnderlayChoice,
): Candidates {
  const fits = ifacePatterns.map((pattern) => firstFit(interfaces, pattern));
  const failures = ifacePatterns.filter((_, index) => fits[index] === null).map(fitsNone);
  const wanted = [...ifaces, ...fits.filter((fit) => fit !== null)];
  return { wanted, failures, doubt: null };
}

/** The name or the address that it fits, of the first interface that has one. */
function firstFit(interfaces: readonly HostInterface[], pattern: string): string | null {
  const expression = readPattern(pattern);
  for (const { name, addresses } of interfaces) {
    if (expression.test(name)) return name;
    const fit = addresses.find(({ address }) => expression.test(address));
    if (fit !== undefined) return fit.address;
  }
  return null;
}

const fitsNone = (pattern: string) => `no interface has a name or address that fits ${pattern}`;

async function candidateTowards(
  host: HostReader,
  canReach: string,
  present: string | null,
): Promise<Candidates> {
  const way = await host.wayTowards(canReach);
  if (way !== null && isOverlayDevice(way.device)) {
    const failure = `packets to ${canReach} leave by ${way.device}, a device of the overlay`;
    return { wanted: [], failures: [failure], doubt: null };
  }
  if (way !== null) {
    // One of several addresses of the interface, if the kernel names one.
    return { wanted: [way.source ?? way.device], failures: [], doubt: null };
  }
  const failure = `there is no way to ${canReach}`;
  if (present === null) return { wanted: [], failures: [failure], doubt: null };
  const doubt = `${failure} any more: ${present} stays the underlay, and reaches what else there is a route to`;
  return { wanted: [present], failures: [], doubt };
}

async function candidatesByDefault(host: HostReader, present: string | null): Promise<Candidates> {
  const byDefault = await host.defaultRouteInterfaces();
  const [best] = byDefault;
  if (present !== null && byDefault.includes(present)) {
    return { wanted: [...new Set([present, ...byDefault])], failures: [], doubt: null };
  }
  if (best !== undefined) return { wanted: [best], failures: [], doubt: null };
  if (present !== null) {
    const doubt = `there is no default route any more: ${present} stays the underlay, and reaches what else there is a route to`;
    return { wanted: [present], failures: [], doubt };
  }
  throw new TartanError(
    'INTERFACE',
    'there is no default route to tell the underlay interface by',
    `Name it with --iface; there are ${namesOf(await host.readInterfaces())}.`,
  );
}

function examine(interfaces: readonly HostInterface[], wanted: string): Found {
  const link =
    interfaces.find(({ name }) => name === wanted) ??
    interfaces.find(({ addresses }) => addresses.some(({ address }) => address === wanted));
  if (link === undefined) return { failure: `no interface has the name or address ${wanted}` };
  if (!link.up) return { failure: `interface ${link.name} is down` };
  const own =
    link.name === wanted
      ? firstAddress(link)
      : link.addresses.find(({ address }) => address === wanted);
  if (own === undefined) return { failure: `interface ${link.name} has no IPv4 address` };
  if (own.address.startsWith('127.')) {
    return { failure: `${own.address} of interface ${link.name} is reached by this host alone` };
  }
  return { interface: { name: link.name, ...own, mtu: link.mtu } };
}

/** Link-local addresses (RFC 3927) reach no further than the link: only if there is no other. */
function firstAddress({
  addresses,
}: HostInterface): HostInterface['addresses'][number] | undefined {
  return addresses.find(({ address }) => !address.startsWith('169.254.')) ?? addresses[0];
}

/** @throws TartanError `USAGE`: other hosts could not route to it */
function requireUnicast(
  publicIp: string,
  { name, address, prefixLength }: Underlay['interface'],
): void {
  const network = prefixOf(parseIpv4(address), prefixLength);
  if (parseIpv4(publicIp) !== broadcastOf(network)) return;
  throw new TartanError(
    'USAGE',
    `--public-ip ${publicIp} is the broadcast address of ${formatPrefix(network)}, the network of ${name}`,
    'Give an address by which the other hosts reach this one.',
  );
}

function namesOf(interfaces: readonly HostInterface[]): string {
  return interfaces.map(({ name }) => name).join(', ') || 'none';
}
