/** Whether an interface and an address can be an endpoint. */
import { TartanError } from '../errors.ts';
import type { HostInterface } from '../kernel/contract.ts';
import { formatIpv4, isIpv4, parseIpv4 } from '../net/ipv4.ts';
import { lastAddress, parsePrefix, prefixContains } from '../net/prefix.ts';
import { ENDPOINT_PLACES } from '../plan/dataplane.ts';
import { isOverlayDevice } from '../plan/links.ts';
import type { EndpointRecord } from './endpoint_file.ts';
import type { HostState } from './state_file.ts';

/** What is asked for. */
export interface WantedEndpoint {
  readonly interface: string;
  readonly address: string;
}

export interface EndpointScene {
  readonly state: HostState;
  readonly interfaces: readonly HostInterface[];
  /** What is there already, and whose interfaces are. */
  readonly records: readonly EndpointRecord[];
}

/**
 * The record that is to be added; the one that is there, if it is there already.
 * @throws TartanError `USAGE` for an address that cannot be, `INTERFACE` for an interface that cannot
 */
export function checkEndpoint(
  { interface: name, address }: WantedEndpoint,
  { state, interfaces, records }: EndpointScene,
): EndpointRecord {
  const { index, mac } = requireCable(name, state, interfaces);
  requireOwnAddress(address, state, interfaces);
  const holder = records.find((record) => record.address === address);
  if (holder === undefined) {
    requirePlace(address, records);
    return { address, interface: name, index, mac };
  }
  if (holder.index === index) return holder;
  const holderName = interfaces.find((link) => link.index === holder.index)?.name;
  throw new TartanError(
    'USAGE',
    `${address} is the endpoint of ${holderName ?? holder.interface} already`,
    `Remove it first: \`tartan endpoint remove ${holderName ?? holder.interface} ${address}\`.`,
  );
}

function requirePlace(address: string, records: readonly EndpointRecord[]): void {
  const placeOf = (text: string) => parseIpv4(text) % ENDPOINT_PLACES;
  const other = records.find((record) => placeOf(record.address) === placeOf(address));
  if (other === undefined) return;
  throw new TartanError(
    'USAGE',
    `there is no place for ${address} beside the endpoint ${other.address}, which has the same last bits`,
    `Of a subnet with more than ${ENDPOINT_PLACES} addresses FastPath serves as many: give the pod another address, or leave it to the host.`,
  );
}

/** The programs deliver into the other end, which `bpf_redirect_peer` finds only in another namespace. */
function requireCable(
  name: string,
  state: HostState,
  interfaces: readonly HostInterface[],
): HostInterface {
  const link = interfaces.find((candidate) => candidate.name === name);
  if (link === undefined) {
    const veths = interfaces.filter(
      (veth) => veth.leadsElsewhere && veth.kind === 'veth' && veth.name !== state.interface,
    );
    throw new TartanError(
      'INTERFACE',
      `there is no interface ${name}`,
      `Name the host's end of the pod's cable; there are ${veths.map((veth) => veth.name).join(', ') || 'none'}.`,
    );
  }
  const refuse = (what: string, hint: string) =>
    new TartanError('INTERFACE', `${name} ${what}`, hint);
  if (name === state.interface) {
    throw refuse('is the underlay interface', "Name the host's end of the pod's cable.");
  }
  if (isOverlayDevice(name)) {
    throw refuse("is the overlay's own device", "Name the host's end of the pod's cable.");
  }
  if (link.kind !== 'veth') {
    throw refuse(
      `is ${link.kind === '' ? 'no virtual device' : `a ${link.kind}`}, not a veth`,
      'FastPath serves pods on veth cables; others are served by the host, without being endpoints.',
    );
  }
  if (link.leadsElsewhere) return link;
  throw refuse(
    'has its other end in this network namespace too',
    'Move the other end into the pod first, then add the endpoint.',
  );
}

/** @throws TartanError `USAGE` */
export function requireAddress(address: string): void {
  if (isIpv4(address)) return;
  throw new TartanError(
    'USAGE',
    `"${address}" is not an IPv4 address`,
    "Give the pod's address, such as 10.5.52.7.",
  );
}

function requireOwnAddress(
  address: string,
  { subnet }: HostState,
  interfaces: readonly HostInterface[],
): void {
  requireAddress(address);
  const prefix = parsePrefix(subnet);
  const number = parseIpv4(address);
  if (!prefixContains(prefix, number)) {
    throw new TartanError(
      'USAGE',
      `${address} is not in this host's subnet, ${subnet}`,
      `Give the pod's address in ${subnet}.`,
    );
  }
  const holder = interfaces.find(({ addresses }) =>
    addresses.some((own) => own.address === address),
  );
  const taken =
    holder !== undefined
      ? `is this host's own, on ${holder.name}`
      : number === prefix.address
        ? "is the host's own in the overlay"
        : number === prefix.address + 1
          ? "is the pods' gateway"
          : number === lastAddress(prefix)
            ? 'is the broadcast address'
            : null;
  if (taken === null) return;
  throw new TartanError(
    'USAGE',
    `${address} ${taken}`,
    `Give the pod's address: ${formatIpv4(prefix.address + 2)} to ${formatIpv4(lastAddress(prefix) - 1)}.`,
  );
}
