/** Chains of iptables at which the host may drop what it forwards, and what they are told to accept. */

/** Which of the two that a kernel may have: as `iptables-nft` and `iptables-legacy` write them. */
export type Iptables = 'nft' | 'legacy';

export interface ForwardChain {
  readonly by: Iptables;
  readonly chain: 'FORWARD' | 'DOCKER-USER';
  /**
   * Whether accepts belong there: in `DOCKER-USER`, which comes before what Docker drops, if FORWARD passes it; else in
   * `FORWARD`, if something there drops what no rule before it has accepted.
   */
  readonly isPlace: boolean;
  /** The network that our rules in it accept; empty: they do not do what they are for. null: there are none. */
  readonly accepts: string | null;
  /** Why nobody knows what is in it; absent: it could be read. */
  readonly unreadable?: string;
}
