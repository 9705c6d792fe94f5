/** Chains of iptables at which the host may drop what it forwards, and what they are told to accept. */

/** Which of the two that a kernel may have: as `iptables-nft` and `iptables-legacy` write them. */
export type Iptables = 'nft' | 'legacy';

export interface ForwardChain {
  readonly by: Iptables;
  /** `DOCKER-USER` comes before what Docker drops, and is there for others' rules. */
  readonly chain: 'FORWARD' | 'DOCKER-USER';
  /** Whether something there drops what no rule before it has accepted. */
  readonly drops: boolean;
  /** The network that our rules in it accept; empty: they do not do what they are for. null: there are none. */
  readonly accepts: string | null;
  /** Why nobody knows what is in it; absent: it could be read. */
  readonly unreadable?: string;
}
