import type { Attachment, Endpoint, ObjectName, Peer, Settings } from './dataplane.ts';
import type { ForwardChain, Iptables } from './forward.ts';
import type { FouPort } from './fou.ts';
import type { Link } from './links.ts';
import type { Address, FdbEntry, Neighbor, Route } from './routes.ts';

/** Changes of a link that need no new one. */
export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  /** Of a pair: its far end, which comes up with it. */
  readonly far?: string;
  /** Of a pair: the offloads of both ends and the far one's MTU are to be as the programs need them. Of FOU: its own. */
  readonly tuned?: true;
}

/** One step towards the desired state: plain JSON, and what `--dry-run` prints. */
export type Op =
  | { readonly op: 'link.add'; readonly link: Link }
  | { readonly op: 'link.remove'; readonly name: string }
  | ({ readonly op: 'link.set'; readonly name: string } & LinkChange)
  | { readonly op: 'vni.add'; readonly device: string; readonly vni: number }
  | { readonly op: 'vni.remove'; readonly device: string; readonly vni: number }
  /** Of a device of ours, which says whose the port is. */
  | { readonly op: 'fou.add'; readonly fou: FouPort }
  | { readonly op: 'fou.remove'; readonly fou: FouPort }
  | { readonly op: 'address.add'; readonly address: Address }
  | { readonly op: 'address.remove'; readonly address: Address }
  | { readonly op: 'routes.add'; readonly routes: readonly Route[] }
  /** Add routes, each in the place of the one to its destination that stands, whoever made it. */
  | { readonly op: 'routes.replace'; readonly routes: readonly Route[] }
  | { readonly op: 'routes.remove'; readonly routes: readonly Route[] }
  /** Kernel mode's entries for peers; a write takes the place of what stands for the same address or MAC. */
  | { readonly op: 'neighbors.write'; readonly neighbors: readonly Neighbor[] }
  | { readonly op: 'neighbors.remove'; readonly neighbors: readonly Neighbor[] }
  | { readonly op: 'fdb.write'; readonly fdb: readonly FdbEntry[] }
  | { readonly op: 'fdb.remove'; readonly fdb: readonly FdbEntry[] }
  /** Our nft table, in the place of the one that stands, at once. */
  | { readonly op: 'filter.write'; readonly text: string }
  | { readonly op: 'filter.remove' }
  /** What comes from and goes to the network, in a chain of iptables that would drop it. */
  | {
      readonly op: 'forward.accept';
      readonly by: Iptables;
      readonly chain: ForwardChain['chain'];
      readonly network: string;
    }
  | {
      readonly op: 'forward.withdraw';
      readonly by: Iptables;
      readonly chain: ForwardChain['chain'];
    }
  /** Load an object's programs and maps and pin them under the generation's name. */
  | {
      readonly op: 'bpf.load';
      readonly object: ObjectName;
      readonly generation: string;
      readonly subnetCount: number;
      /** Of the trie beside the peer array. */
      readonly irregularPlaces: number;
      /** The generation whose maps it takes over. */
      readonly from: string | null;
      /** Whether its subnets have other places than that one's: then it takes neither settings nor peers. */
      readonly renumbered: boolean;
    }
  /** Count on where another generation, numbered otherwise, has counted up to now: by subnet. */
  | { readonly op: 'traffic.copy'; readonly from: string; readonly generation: string }
  /** Unpin a generation. */
  | { readonly op: 'bpf.unload'; readonly generation: string }
  /** Attach a program, or put it in the place of its predecessor. */
  | { readonly op: 'bpf.attach'; readonly attachment: Attachment; readonly generation: string }
  | { readonly op: 'bpf.detach'; readonly attachment: Attachment }
  | { readonly op: 'settings.write'; readonly generation: string; readonly settings: Settings }
  | { readonly op: 'peers.write'; readonly generation: string; readonly peers: readonly Peer[] }
  | {
      readonly op: 'peers.remove';
      readonly generation: string;
      readonly subnets: readonly string[];
    }
  /** Make the PublicIPs from which packets are accepted those of the peers that stand there. */
  | { readonly op: 'sources.settle'; readonly generation: string }
  | {
      readonly op: 'endpoints.write';
      readonly generation: string;
      readonly endpoints: readonly Endpoint[];
    }
  | {
      readonly op: 'endpoints.remove';
      readonly generation: string;
      readonly addresses: readonly string[];
    };
