/** What the handlers of one network work with. */
import type { LeaseStore } from '../store/contract.ts';
import type { Policy } from './authorize.ts';
import type { Answer, Call } from './exchange.ts';
import type { Hub } from './hub.ts';
import type { Limits, Quota } from './limits.ts';

export interface Network {
  readonly store: LeaseStore;
  readonly hub: Hub;
  readonly policy: Policy;
  readonly limits: Limits;
  /** Of requests that wait for news, by address. */
  readonly polls: Quota;
  /** Milliseconds since 1970. */
  now(): number;
}

/** @param key the last part of the path: a subnet's; empty where there is none */
export type Handler = (network: Network, call: Call, key: string) => Promise<Answer>;
