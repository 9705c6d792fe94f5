/** The nft table of a network. An empty chain says by its name what the table was made from. */
import { type FouPort, fouOfChain } from '../plan/fou.ts';
import { hashFilter } from '../plan/state.ts';
import { readNft, runNft } from './iproute.ts';
import { unfinishedName } from './links.ts';

/** What is read of `nft -j list tables`. */
interface NftTables {
  readonly table?: { readonly family: string; readonly name: string };
}

/** What is read of `nft -j list table`. */
interface NftChains {
  readonly chain?: { readonly name: string };
}

const FAMILY = 'ip';

/** nft 1.0.6 does not list a table's comment as JSON, but a chain's name it does. */
const MADE_FROM = 'made_from_';

export interface ObservedFilter {
  /** Of what our table was made from; null: there is no such table. */
  readonly hash: string | null;
  /** FOU ports that it says are ours. */
  readonly fou: readonly FouPort[];
}

export async function observeFilter(network: string): Promise<ObservedFilter> {
  const name = tableOf(network);
  // Where there is no nft, or none in the kernel, there is no table.
  const tables = await readNft<NftTables>('list', 'tables', FAMILY).catch(() => []);
  if (!tables.some(({ table }) => table?.name === name)) return { hash: null, fou: [] };
  const items = await readNft<NftChains>('list', 'table', FAMILY, name);
  const chains = items.flatMap(({ chain }) => (chain ? [chain.name] : []));
  return {
    hash: chains.find((chain) => chain.startsWith(MADE_FROM))?.slice(MADE_FROM.length) ?? '',
    fou: chains.flatMap((chain) => fouOfChain(chain) ?? []),
  };
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
function tableOf(network: string): string {
  return unfinishedName(network);
}
