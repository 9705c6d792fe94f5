/** What the host's netfilter does that FastPath has to reckon with. Reads only, and never lists what may be thousands. */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import { SystemError } from '../sys/libc.ts';
import { type ChainRecord, readChains } from '../sys/nft_chains.ts';
import type { HostNat, OwnNat } from './contract.ts';
import { isOwnTable, tableOf } from './filter.ts';
import { readText } from './iproute.ts';

/** Tables of iptables' older kernel part: names, once a rule or a policy was asked for. */
export const LEGACY_TABLES = '/proc/net/ip_tables_names';

/** A header, then services and their servers. */
const IPVS = '/proc/net/ip_vs';
const IPVS_HEADER_LINES = 3;
const IPVS_NAME = 'IPVS';

const LOOK_UP = 'bpf_skb_ct_lookup';
const BTF = ['/sys/kernel/btf/vmlinux', '/sys/kernel/btf/nf_conntrack'];

/**
 * Whether something here NATs. A chain of nft's type `nat` counts, with or without rules: to know whether there are any
 * takes listing them. What iptables-nft made is among them.
 */
export async function readNat({ network, masquerades }: OwnNat): Promise<HostNat> {
  const [legacy, ipvs] = await Promise.all([readProc(LEGACY_TABLES), readProc(IPVS)]);
  const chains = listChains();
  const own = tableOf(network);
  const others = chains.list.filter(({ family, table }) => family !== 'ip' || table !== own);
  const nat = [...(masquerades ? ['masquerade by tartan'] : []), ...listNat(others, legacy, ipvs)];
  const mayNat = nat.length > 0 || chains.doubt !== null;
  const blindness = mayNat ? findBlindness(nat.includes(IPVS_NAME)) : null;
  return { nat, doubt: chains.doubt, blindness };
}

/**
 * What may NAT, for people.
 * @param legacy text of {@link LEGACY_TABLES}
 * @param ipvs text of {@link IPVS}
 */
export function listNat(
  chains: readonly Pick<ChainRecord, 'family' | 'table' | 'type'>[],
  legacy: string,
  ipvs: string,
): string[] {
  const tables = chains
    .filter(({ type, family }) => type === 'nat' && carriesIpv4(family))
    .map(({ family, table }) => `table ${family} ${table} of nftables`);
  return [
    ...new Set(tables),
    ...(legacy.split('\n').includes('nat') ? ['table nat of iptables-legacy'] : []),
    ...(ipvs.trim().split('\n').length > IPVS_HEADER_LINES ? [IPVS_NAME] : []),
  ];
}

function carriesIpv4(family: string): boolean {
  return family === 'ip' || family === 'inet';
}

function findBlindness(hasServices: boolean): string | null {
  if (hasServices) return 'IPVS does not mark the flows that it changes';
  if (canLookUpFlows()) return null;
  return `this kernel has no ${LOOK_UP}, by which the programs tell the flows that it changes (Linux 5.18 or later)`;
}

let vmlinuxHasIt: boolean | undefined;

/** The kernel itself stays as it is; conntrack may be a module that is loaded later. */
function canLookUpFlows(): boolean {
  const [vmlinux = '', conntrack = ''] = BTF;
  vmlinuxHasIt ??= mentions(vmlinux);
  return vmlinuxHasIt || mentions(conntrack);
}

/** Not by fs/promises: these files of older kernels (6.1) give a page a read, and there the first short one is taken for the end. */
function mentions(path: string): boolean {
  return existsSync(path) && readFileSync(path).includes(`\0${LOOK_UP}\0`);
}

/** `table ip filter, chain FORWARD: 3 rules`. */
export async function readForwardChains(): Promise<string[]> {
  const described = listChains()
    .list.filter(({ isForward, family }) => isForward && carriesIpv4(family))
    .filter(({ family, table }) => !isOwnTable(family, table))
    .map(({ family, table, name, uses, drops }) =>
      describe(`table ${family} ${table}, chain ${name}`, uses, drops),
    );
  return [...described.filter((text) => text !== null), ...(await readLegacyForward())];
}

function describe(chain: string, rules: number, drops: boolean): string | null {
  if (rules === 0 && !drops) return null;
  const counted = `${rules} ${rules === 1 ? 'rule' : 'rules'}`;
  return `${chain}: ${counted}${drops ? ', policy drop' : ''}`;
}

async function readLegacyForward(): Promise<string[]> {
  const tables = (await readProc(LEGACY_TABLES)).split('\n');
  if (!tables.includes('filter')) return [];
  const chain = 'table filter of iptables-legacy, chain FORWARD';
  try {
    const lines = (await readText('iptables-legacy', '-S', 'FORWARD')).split('\n');
    const rules = lines.filter((line) => line.startsWith('-A ')).length;
    const described = describe(chain, rules, lines.includes('-P FORWARD DROP'));
    return described === null ? [] : [described];
  } catch {
    return [`${chain}: cannot be read`];
  }
}

function listChains(): { list: ChainRecord[]; doubt: string | null } {
  try {
    return { list: readChains(), doubt: null };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return { list: [], doubt: `the host's NAT rules cannot be read (${messageOf(error)})` };
  }
}

async function readProc(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
