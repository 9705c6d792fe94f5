/** The nft table of a network. An empty chain says by its name what the table was made from. */
import { type FouPort, fouOfChain } from '../plan/fou.ts';
import { hashFilter } from '../plan/state.ts';
import { SystemError } from '../sys/libc.ts';
import { readChainNames } from '../sys/nft_chains.ts';
import { runNft } from './iproute.ts';
import { unfinishedName } from './links.ts';

const FAMILY = 'ip';

/** Seen by `nft list table` too. */
const MADE_FROM = 'made_from_';

export interface ObservedFilter {
  /** Of what our table was made from; null: there is no such table. */
  readonly hash: string | null;
  /** FOU ports that it says are ours. */
  readonly fou: readonly FouPort[];
}

export function observeFilter(network: string): ObservedFilter {
  const chains = readNames(tableOf(network));
  if (chains === null) return { hash: null, fou: [] };
  return {
    hash: chains.find((chain) => chain.startsWith(MADE_FROM))?.slice(MADE_FROM.length) ?? '',
    fou: chains.flatMap((chain) => fouOfChain(chain) ?? []),
  };
}

/** Where the kernel has no nftables, or does not let us look, there is no table that we could have made. */
const NO_NFTABLES = ['EPERM', 'EACCES', 'EINVAL', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'EOPNOTSUPP'];

function readNames(table: string): string[] | null {
  try {
    return readChainNames(table);
  } catch (error) {
    if (error instanceof SystemError && NO_NFTABLES.includes(error.errno)) return null;
    throw error;
  }
}

/** One transaction: no packet meets a half of it. */
export function writeFilter(network: string, text: string): Promise<void> {
  const name = tableOf(network);
  return runNft(`
table ${FAMILY} ${name}
delete table ${FAMILY} ${name}
table ${FAMILY} ${name} {
chain ${MADE_FROM}${hashFilter(text)} {}
${text}
}
`);
}

export function removeFilter(network: string): Promise<void> {
  const name = tableOf(network);
  // Made first, so that it is no error where there is none.
  return runNft(`table ${FAMILY} ${name}\ndelete table ${FAMILY} ${name}\n`);
}

/** Like a device's, told apart by network. */
export function tableOf(network: string): string {
  return unfinishedName(network);
}
