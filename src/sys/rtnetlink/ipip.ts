/** What IP-in-IP devices tell of themselves: <linux/if_tunnel.h>. Addresses and ports are in host byte order. */
import type { LinkRecord } from './links.ts';

const IFLA_IPTUN_LOCAL = 2;
const IFLA_IPTUN_REMOTE = 3;
const IFLA_IPTUN_ENCAP_TYPE = 15;
const IFLA_IPTUN_ENCAP_DPORT = 18;
const IFLA_IPTUN_COLLECT_METADATA = 19;
const TUNNEL_ENCAP_FOU = 1;

export interface IpipData {
  /** The address that it takes packets at and sends by; null: any. */
  readonly local: number | null;
  /** Whether it is for no one host, and is told the peer by the route. */
  readonly forAnyHost: boolean;
  /** UDP port of its peers; 0: its packets do not leave in UDP. */
  readonly fouPort: number;
}

/** undefined: it is no IP-in-IP device. */
export function ipipDataOf({ kind, data }: LinkRecord): IpipData | undefined {
  if (kind !== 'ipip') return undefined;
  const local = data.get(IFLA_IPTUN_LOCAL)?.readUInt32BE() ?? 0;
  const remote = data.get(IFLA_IPTUN_REMOTE)?.readUInt32BE() ?? 0;
  const isFou = data.get(IFLA_IPTUN_ENCAP_TYPE)?.readUInt16LE() === TUNNEL_ENCAP_FOU;
  return {
    local: local === 0 ? null : local,
    forAnyHost: remote === 0 && !data.has(IFLA_IPTUN_COLLECT_METADATA),
    fouPort: isFou ? (data.get(IFLA_IPTUN_ENCAP_DPORT)?.readUInt16BE() ?? 0) : 0,
  };
}
