/** FastPath: whether it can be, and whom it serves. */
import { type BackendConfig, wantsFastPath } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { formatPrefix, prefixContains } from '../net/prefix.ts';
import type { Attachment, Endpoint } from '../plan/dataplane.ts';
import type { Netfilter, Node } from './contract.ts';

export interface FastPath {
  readonly isOn: boolean;
  /** Whether each flow is looked up, as the host may have NAT-ed it. */
  readonly conntrack: boolean;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly attachments: readonly Attachment[];
  /** Why it is off although the config wants it, and what it goes past. */
  readonly warnings: readonly string[];
}

/**
 * Where the host NATs and the programs cannot tell which flows, replies would go past the host that must turn them
 * back: FastPath stays off then, and the host works as in default mode.
 */
export function decideFastPath(config: BackendConfig, node: Node, own: Lease): FastPath {
  if (!wantsFastPath(config)) return noFastPath();
  const netfilter = node.netfilter ?? NONE;
  const { nat, blindness } = netfilter;
  const mayNat = nat.length > 0 || netfilter.doubt !== null;
  if (mayNat && blindness !== null) {
    const what = nat.length > 0 ? `the host NATs (${nat.join(', ')})` : netfilter.doubt;
    return noFastPath(`FastPath stays off: ${what}, and ${blindness}`);
  }
  const inside = ({ address }: Endpoint) => prefixContains(own.subnet, parseIpv4(address));
  const served = node.endpoints.filter(inside);
  const strays = node.endpoints.filter((endpoint) => !inside(endpoint));
  return {
    isOn: true,
    conntrack: mayNat,
    endpoints: new Map(served.map((endpoint) => [endpoint.address, endpoint])),
    attachments: endpointAttachments(served, node.attach.by),
    warnings: [
      ...warnOfNetfilter(netfilter),
      ...strays.map(
        ({ address, device }) =>
          `the endpoint ${address} on ${device} lies outside ${formatPrefix(own.subnet)} and is not served`,
      ),
    ],
  };
}

/** The sending program, once for each interface. */
export function endpointAttachments(
  endpoints: Iterable<Endpoint>,
  by: Attachment['by'],
): Attachment[] {
  const devices = new Set([...endpoints].map(({ device }) => device));
  return [...devices].map((device) => ({ program: 'endpoint_send', device, hook: 'ingress', by }));
}

const NONE: Netfilter = { nat: [], blindness: null, doubt: null, forward: [] };

/** FastPath that is not to be, and why. */
export function noFastPath(...warnings: string[]): FastPath {
  return { isOn: false, conntrack: false, endpoints: new Map(), attachments: [], warnings };
}

function warnOfNetfilter({ doubt, forward }: Netfilter): string[] {
  return [
    ...(doubt === null ? [] : [`${doubt}: FastPath takes it that the host NATs`]),
    ...(forward.length === 0
      ? []
      : [
          `FastPath goes past the host's forward chains, which no longer see it: ${forward.join('; ')}`,
        ]),
  ];
}
