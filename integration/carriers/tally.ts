/** What a carrier's programs count of the packets that went to and fro. */
import type { CountedByHost } from '../dataplane/meter.ts';
import type { Carrier, Reasons } from './contract.ts';

/** What is counted between pods, where programs that see all of the overlay would count `counts`. */
export function tally({ programs }: Carrier, counts: CountedByHost): CountedByHost {
  return programs === null || programs.see === 'strays' ? {} : counts;
}

/** So many packets there and as many back. */
export function exchange(from: string, to: string, packets: number): CountedByHost {
  return {
    [from]: { sent: { [to]: packets }, received: { [to]: packets } },
    [to]: { sent: { [from]: packets }, received: { [from]: packets } },
  };
}

/** The same where a host itself may speak, at one end or both. */
export function exchangeWithHosts(
  { programs }: Carrier,
  from: { readonly name: string; readonly isPod: boolean },
  to: { readonly name: string; readonly isPod: boolean },
  packets: number,
): CountedByHost {
  if (programs === null || programs.see === 'strays') return {};
  const both = exchange(from.name, to.name, packets);
  if (programs.see === 'overlay') return both;
  const { [from.name]: atFrom = {} } = both;
  return {
    ...(from.isPod && { [from.name]: atFrom }),
    // The host that asks has no address of the network.
    ...(to.isPod && !from.isPod && { [to.name]: { other: { host_outside: packets } } }),
  };
}

/** The same for so many packets. */
export function times(packets: number, reasons: Reasons = {}): Reasons {
  return Object.fromEntries(Object.entries(reasons).map(([name, each]) => [name, packets * each]));
}

/** What is counted beside the packets, if there is anything of it. */
export function beside(reasons: Reasons = {}): { readonly other?: Reasons } {
  return Object.keys(reasons).length > 0 ? { other: reasons } : {};
}

/** Of each host the one's counts, and the other's of a different kind. */
export function merge(one: CountedByHost, other: CountedByHost): CountedByHost {
  const hosts = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...hosts].map((host) => [host, { ...one[host], ...other[host] }]));
}
