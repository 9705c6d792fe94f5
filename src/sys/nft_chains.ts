/** The chains of nftables, by netlink: <linux/netfilter/nfnetlink.h> and nf_tables.h. */
import { SystemError } from './libc.ts';
import {
  attribute,
  attributeOf,
  attributesOf,
  dump,
  request,
  text,
  textOf,
} from './netlink_request.ts';
import { NETLINK_NETFILTER } from './socket.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETTABLE = (NFNL_SUBSYS_NFTABLES << 8) | 1;
const NFT_MSG_GETCHAIN = (NFNL_SUBSYS_NFTABLES << 8) | 4;
const NFTA_TABLE_NAME = 1;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_USE = 6;
const NFTA_CHAIN_TYPE = 7;
const NFTA_HOOK_HOOKNUM = 1;
const NF_DROP = 0;
const NFPROTO_IPV4 = 2;
const HEADER_BYTES = 4;

/** <linux/netfilter.h>, as nft(8) calls them. */
const FAMILIES: Readonly<Record<number, string>> = {
  ...{ 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' },
};

/** <linux/netfilter.h>: `NF_INET_FORWARD`, the number of that hook in the families of IP. */
const FORWARD = 2;
const IP_FAMILIES: readonly string[] = ['inet', 'ip', 'ip6'];

export interface ChainRecord {
  /** `ip`, `inet`, … */
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Of a base chain: `filter`, `nat`, `route`. */
  readonly type: string | undefined;
  /** Whether packets pass it that are routed on. */
  readonly isForward: boolean;
  /** Whether it drops what none of its rules has taken. */
  readonly drops: boolean;
  /** Rules in it, and rules that jump to it: of a base chain the former alone, as none can. */
  readonly uses: number;
}

/**
 * All chains, without their rules.
 * @throws SystemError `EPERM` without CAP_NET_ADMIN
 */
export function readChains(): ChainRecord[] {
  return dumpChains(0).map(readChain);
}

function readChain(message: Buffer): ChainRecord {
  const family = FAMILIES[message.readUInt8(0)] ?? '';
  const attributes = attributesOf(message.subarray(HEADER_BYTES));
  const hook = attributesOf(attributes.get(NFTA_CHAIN_HOOK) ?? Buffer.alloc(0));
  const number = hook.get(NFTA_HOOK_HOOKNUM)?.readUInt32BE();
  return {
    family,
    table: textOf(attributes.get(NFTA_CHAIN_TABLE)) ?? '',
    name: textOf(attributes.get(NFTA_CHAIN_NAME)) ?? '',
    type: textOf(attributes.get(NFTA_CHAIN_TYPE)),
    isForward: number === FORWARD && IP_FAMILIES.includes(family),
    drops: attributes.get(NFTA_CHAIN_POLICY)?.readUInt32BE() === NF_DROP,
    uses: attributes.get(NFTA_CHAIN_USE)?.readUInt32BE() ?? 0,
  };
}

/**
 * The chains in a table of family ip; null: there is no such table.
 * @throws SystemError `EPERM` without CAP_NET_ADMIN
 */
export function readChainsOf(table: string): ChainRecord[] | null {
  if (!hasTable(table)) return null;
  const isIn = (message: Buffer) =>
    textOf(attributeOf(message.subarray(HEADER_BYTES), NFTA_CHAIN_TABLE)) === table;
  return dumpChains(NFPROTO_IPV4).filter(isIn).map(readChain);
}

/**
 * Whether a table of family ip has a chain, however many others there are.
 * @throws SystemError `EPERM` without CAP_NET_ADMIN
 */
export function hasChain(table: string, name: string): boolean {
  return isThere('nft chain', NFT_MSG_GETCHAIN, [
    attribute(NFTA_CHAIN_TABLE, text(table)),
    attribute(NFTA_CHAIN_NAME, text(name)),
  ]);
}

function hasTable(name: string): boolean {
  return isThere('nft table', NFT_MSG_GETTABLE, [attribute(NFTA_TABLE_NAME, text(name))]);
}

function isThere(what: string, type: number, attributes: readonly Buffer[]): boolean {
  const body = Buffer.concat([header(NFPROTO_IPV4), ...attributes]);
  try {
    request(what, { protocol: NETLINK_NETFILTER, type, flags: 0, body });
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'ENOENT') return false;
    throw error;
  }
}

function dumpChains(family: number): Buffer[] {
  const body = header(family);
  return dump('list chains', { protocol: NETLINK_NETFILTER, type: NFT_MSG_GETCHAIN, body });
}

/** `struct nfgenmsg`: family, version, resource. */
function header(family: number): Buffer {
  return Buffer.from([family, 0, 0, 0]);
}
