/** The nft table of a network. An empty chain says by its name what the table was made from. */
import { type FouPort, fouOfChain } from '../plan/fou.ts';
import { hashFilter } from '../plan/state.ts';
import { SystemError } from '../sys/libc.ts';
import { type ChainRecord, readChainsOf } from '../sys/nft_chains.ts';
import { runNft } from './iproute.ts';
import { isUnfinishedName, unfinishedName } from './links.ts';

const FAMILY = 'ip';

/** Seen by `nft list table` too; behind it the hash, and the number of rules. */
const MADE_FROM = 'made_from_';

/** Of a table that does not look as it was made. */
const DAMAGED = '';

export interface ObservedFilter {
  /** Of what our table was made from; null: there is no such table. */
  readonly hash: string | null;
  /** FOU ports that it says are ours. */
  readonly fou: readonly FouPort[];
}

export function observeFilter(network: string): ObservedFilter {
  const chains = readTable(tableOf(network));
  if (chains === null) return { hash: null, fou: [] };
  return { hash: readHash(chains), fou: chains.flatMap(({ name }) => fouOfChain(name) ?? []) };
}

/** Rules that are flushed, deleted or added count; one in the place of another is not seen. */
function readHash(chains: readonly ChainRecord[]): string {
  const maker = chains.find(({ name }) => name.startsWith(MADE_FROM))?.name ?? '';
  const [hash = DAMAGED, rules] = maker.slice(MADE_FROM.length).split('_');
  const found = chains.reduce((sum, { uses }) => sum + uses, 0);
  const isWhole = found === Number(rules) && !chains.some(({ drops }) => drops);
  return isWhole ? hash : DAMAGED;
}

/** Where the kernel has no nftables, or does not let us look, there is no table that we could have made. */
const NO_NFTABLES = ['EPERM', 'EACCES', 'EINVAL', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'EOPNOTSUPP'];

function readTable(table: string): ChainRecord[] | null {
  try {
    return readChainsOf(table);
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
chain ${MADE_FROM}${hashFilter(text)}_${countRules(text)} {}
${text}
}
`);
}

/** Every line is one, but for a chain's begin, kind and end. */
function countRules(text: string): number {
  return text.split('\n').filter((line) => !/^(chain .*|type .*|\})$/.test(line)).length;
}

export function removeFilter(network: string): Promise<void> {
  const name = tableOf(network);
  // Made first, so that it is no error where there is none.
  return runNft(`table ${FAMILY} ${name}\ndelete table ${FAMILY} ${name}\n`);
}

/** Whether it is that of any network of tartan's. */
export function isOwnTable(family: string, table: string): boolean {
  return family === FAMILY && isUnfinishedName(table);
}

/** Like a device's, told apart by network. */
export function tableOf(network: string): string {
  return unfinishedName(network);
}
