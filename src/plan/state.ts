/**
 * What a host is to look like, or looks like: plain JSON, so that it can be printed, compared and tested without root.
 * Addresses are dotted strings, prefixes `10.5.52.0/24`, MACs lower case with colons; devices go by name: interface
 * indexes are the kernel room's business.
 */
import { createHash } from 'node:crypto';
import type { Attachment, Dataplane, ObjectName } from './dataplane.ts';
import type { ForwardChain } from './forward.ts';
import type { FouPort } from './fou.ts';
import type { Generation } from './generations.ts';
import type { Link, ObservedLink } from './links.ts';
import type { Address, FdbEntry, Neighbor, Route } from './routes.ts';

/** What the host is to look like. */
export interface DesiredState {
  /**
   * The overlay. Routes of ours on devices that are not, which networks of one host share, are this network's where they
   * lead there; null: none of them is.
   */
  readonly network: string | null;
  /** What the overlay was before, where that was another: such routes there are this network's as well. */
  readonly formerNetwork?: string;
  readonly links: readonly Link[];
  /** What its device receives by, in kernel mode of udp; absent: nothing. */
  readonly fou?: readonly FouPort[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  /** One a device and address. */
  readonly neighbors: readonly Neighbor[];
  /** One a device and MAC. */
  readonly fdb: readonly FdbEntry[];
  /** Chains of our nft table in the family `ip`, their rules a line each; null: there is to be none. */
  readonly filter: string | null;
  /** The network that chains of iptables are to accept which would drop it; absent: none. */
  readonly forward?: string;
  /** null: no programs are wanted. */
  readonly dataplane: Dataplane | null;
}

/** What the host looks like, as far as it is ours (and what stands in the way). */
export interface ObservedState {
  readonly links: readonly ObservedLink[];
  /** FOU ports of ours; absent: there are none. */
  readonly fou?: readonly FouPort[];
  readonly addresses: readonly Address[];
  /** Those on devices that are not ours may be another network's of this host. */
  readonly routes: readonly Route[];
  readonly neighbors: readonly Neighbor[];
  readonly fdb: readonly FdbEntry[];
  /** {@link hashFilter} of what our nft table was made from; null: there is none. */
  readonly filter: string | null;
  /** Those that are there; absent: none. */
  readonly forwardChains?: readonly ForwardChain[];
  /** Pinned sets by name: `generationName` tells the one that is wanted. */
  readonly generations: ReadonlyMap<string, Generation>;
  readonly attachments: readonly (Attachment & { readonly generation: string | null })[];
  /** A hash of each object file as it lies on disk; null: it has not been built. */
  readonly builds: Readonly<Partial<Record<ObjectName, string | null>>>;
}

/** How an nft table says what it was made from: what nft lists is not what it was told. */
export function hashFilter(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** A host with nothing of ours. */
export const nothing: DesiredState = {
  network: null,
  links: [],
  addresses: [],
  routes: [],
  neighbors: [],
  fdb: [],
  filter: null,
  dataplane: null,
};
