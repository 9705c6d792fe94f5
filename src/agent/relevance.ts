/** Which news of the host are worth a look: a busy host changes all the time, and hardly ever in what matters here. */
import type { HostChange } from '../kernel/contract.ts';
import type { Lease } from '../lease/lease.ts';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import { lastAddress, type Prefix, prefixContains, prefixesOverlap } from '../net/prefix.ts';
import { isOverlayDevice } from '../plan/links.ts';
import { readPattern } from './pattern.ts';
import type { Survey } from './survey.ts';
import type { UnderlayChoice } from './underlay.ts';

/** What the host was last seen to be, and what is wanted of it. */
export interface Outlook {
  readonly choice: UnderlayChoice;
  readonly found: Survey;
  readonly own: Lease;
  readonly leases: ReadonlyMap<string, Lease>;
}

/**
 * Tells what concerns this member of the network. In doubt it does: a look that finds nothing is cheap. What nothing
 * tells of is found at the next look by the clock.
 * @param outlook asked at each change; its parts are compared by identity
 */
export function relevanceOf(outlook: () => Outlook): (change: HostChange) => boolean {
  const devicesOf = remember(namesOfInterest);
  const gatewaysOf = remember(
    ({ node }: Survey) => new Set(node.endpoints.map(({ gatewayMac }) => gatewayMac)),
  );
  const publicIpsOf = remember(sortPublicIps);

  return (change) => {
    const { choice, found, own, leases } = outlook();
    const isKnown = (device: string) =>
      devicesOf(found).has(device) || isChosen(choice, device) || isOverlayDevice(device);
    switch (change.of) {
      case 'link':
        return (
          isKnown(change.device) ||
          isKnown(change.before) ||
          (change.formerMac !== null && gatewaysOf(found).has(change.formerMac))
        );
      case 'address':
        return isKnown(change.device) || isChosen(choice, formatIpv4(change.address));
      case 'route':
        return concernsRoute(change, { choice, found, own }, () => publicIpsOf(leases));
      case 'neighbor':
        // What is missing breaks something; what is added is mostly ours.
        return change.gone && isClassic(found, change.device);
      case 'traffic':
        return isKnown(change.device);
      case 'filter':
        return change.ours || (change.nat && found.node.netfilter !== null);
      case 'pins':
      case 'anything':
        return true;
    }
  };
}

function isNamed({ ifaces, ifacePatterns }: UnderlayChoice): boolean {
  return ifaces.length > 0 || ifacePatterns.length > 0;
}

/** @param what a name or an address */
function isChosen({ ifaces, ifacePatterns }: UnderlayChoice, what: string): boolean {
  return ifaces.includes(what) || ifacePatterns.some((pattern) => readPattern(pattern).test(what));
}

/** To the address whose way tells the underlay. */
function isOnTheWay(choice: UnderlayChoice, destination: Prefix): boolean {
  const { canReach } = choice;
  return canReach !== null && !isNamed(choice) && prefixContains(destination, parseIpv4(canReach));
}

/** The underlay, the overlay's devices and those in their way, and endpoints'. */
function namesOfInterest({ node }: Survey): ReadonlySet<string> {
  return new Set([
    node.interface.name,
    ...node.links.flatMap((link) => (link.kind === 'pair' ? [link.name, link.far] : [link.name])),
    ...node.endpoints.map(({ device }) => device),
  ]);
}

function isClassic({ node }: Survey, device: string): boolean {
  return node.links.some(({ kind, name }) => kind === 'classic' && name === device);
}

function concernsRoute(
  { destination, device, ours, gone }: Extract<HostChange, { of: 'route' }>,
  { choice, found, own }: Pick<Outlook, 'choice' | 'found' | 'own'>,
  publicIps: () => Uint32Array,
): boolean {
  if (ours) {
    // Each of ours that is added would else cost a look.
    const { network } = found.config;
    return gone && (prefixesOverlap(network, destination) || namesOfInterest(found).has(device));
  }
  const isDirect = found.node.routes !== null;
  if (destination.length === 0) return isDirect || !isNamed(choice);
  if (isOnTheWay(choice, destination)) return true;
  // Whoever cables the pods makes routes within the own subnet, one a pod.
  if (isWithin(own.subnet, destination)) return false;
  if (prefixesOverlap(found.config.network, destination)) return true;
  return isDirect && holdsAny(destination, publicIps());
}

function isWithin(outer: Prefix, inner: Prefix): boolean {
  return inner.length >= outer.length && prefixContains(outer, inner.address);
}

function sortPublicIps(leases: ReadonlyMap<string, Lease>): Uint32Array {
  const numbers = Array.from(leases.values(), ({ attributes }) => parseIpv4(attributes.publicIp));
  return Uint32Array.from(numbers).sort();
}

/** Whether one of the addresses, in order, lies in the prefix. */
function holdsAny(prefix: Prefix, addresses: Uint32Array): boolean {
  let [low, high] = [0, addresses.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((addresses[middle] ?? 0) < prefix.address) low = middle + 1;
    else high = middle;
  }
  const next = addresses[low];
  return next !== undefined && next <= lastAddress(prefix);
}

/** Works it out anew only for another argument. */
function remember<A extends object, R>(work: (argument: A) => R): (argument: A) => R {
  let last: { readonly argument: A; readonly result: R } | null = null;
  return (argument) => {
    if (last?.argument !== argument) last = { argument, result: work(argument) };
    return last.result;
  };
}
