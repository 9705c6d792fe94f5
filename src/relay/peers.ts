/** Who holds which subnet, for a look at every packet. */
import { type Prefix, prefixMask } from '../net/prefix.ts';

export interface RelayPeer {
  readonly subnet: Prefix;
  /** As an unsigned 32-bit number. */
  readonly publicIp: number;
}

export interface PeerTable {
  /** The PublicIP of whoever holds an address, by the longest prefix; 0: nobody. */
  holderOf(address: number): number;
  /** Whether somebody has this PublicIP. */
  isPeer(publicIp: number): boolean;
  /** Whether a peer may send from an inner address: one that it holds, or that lies outside the network. */
  maySend(publicIp: number, source: number): boolean;
}

/** @param network what belongs to the network although nobody, or only this host, holds it */
export function peerTableOf(peers: readonly RelayPeer[], network: readonly Prefix[]): PeerTable {
  const byLength = new Map<number, Map<number, number>>();
  for (const { subnet, publicIp } of peers) {
    const { address, length } = subnet;
    const subnets = byLength.get(length) ?? new Map<number, number>();
    byLength.set(length, subnets.set(address, publicIp));
  }
  const levels = [...byLength]
    .sort(([left], [right]) => right - left)
    .map(([length, subnets]) => ({ mask: prefixMask(length), subnets }));
  const addresses = new Set(peers.map(({ publicIp }) => publicIp));
  const inside = network.map(({ address, length }) => ({ address, mask: prefixMask(length) }));
  // Packets come in bursts to and from one address.
  const last = { address: -1, holder: 0 };

  function holderOf(address: number): number {
    if (address === last.address) return last.holder;
    last.address = address;
    last.holder = 0;
    for (const { mask, subnets } of levels) {
      const holder = subnets.get((address & mask) >>> 0);
      if (holder === undefined) continue;
      last.holder = holder;
      break;
    }
    return last.holder;
  }

  return {
    holderOf,
    isPeer: (publicIp) => addresses.has(publicIp),
    maySend(publicIp, source) {
      const holder = holderOf(source);
      if (holder !== 0) return holder === publicIp;
      return !inside.some(({ address, mask }) => (source & mask) >>> 0 === address);
    },
  };
}
