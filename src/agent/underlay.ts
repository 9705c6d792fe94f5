import { TartanError } from '../errors.ts';
import type { HostInterface, HostReader } from '../kernel/contract.ts';
import { isOverlayDevice } from '../plan/links.ts';

/** How the underlay interface is chosen. */
export interface UnderlayChoice {
  /** Names or addresses, in order of preference; none: the interface of the default route. */
  readonly ifaces: readonly string[];
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
}

type Found = { readonly interface: Underlay['interface'] } | { readonly failure: string };

/**
 * Finds the interface that carries the tunnel.
 * @throws TartanError `INTERFACE` naming each candidate and what is wrong with it
 */
export async function findUnderlay(host: HostReader, choice: UnderlayChoice): Promise<Underlay> {
  const wanted = choice.ifaces.length > 0 ? choice.ifaces : [await defaultInterface(host)];
  // An overlay's own device, ours or flanneld's, carries no tunnel.
  const interfaces = (await host.readInterfaces()).filter(({ name }) => !isOverlayDevice(name));
  const failures: string[] = [];
  for (const candidate of wanted) {
    const found = examine(interfaces, candidate);
    if ('interface' in found) {
      return { ...found, publicIp: choice.publicIp ?? found.interface.address };
    }
    failures.push(found.failure);
  }
  throw new TartanError(
    'INTERFACE',
    failures.join('; '),
    `Bring it up and give it an IPv4 address, or name another with --iface; there are ${namesOf(interfaces)}.`,
  );
}

async function defaultInterface(host: HostReader): Promise<string> {
  const name = await host.defaultRouteInterface();
  if (name !== null) return name;
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
  return { interface: { name: link.name, ...own, mtu: link.mtu } };
}

/** Link-local addresses (RFC 3927) reach no further than the link: only if there is no other. */
function firstAddress({
  addresses,
}: HostInterface): HostInterface['addresses'][number] | undefined {
  return addresses.find(({ address }) => !address.startsWith('169.254.')) ?? addresses[0];
}

function namesOf(interfaces: readonly HostInterface[]): string {
  return interfaces.map(({ name }) => name).join(', ') || 'none';
}
