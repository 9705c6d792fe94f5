/** What the kernel tells of nftables: <linux/netfilter/nfnetlink.h> and nf_tables.h. */
import { attributeOf, textOf } from '../sys/netlink_request.ts';
import type { NewsMessage } from '../sys/news_socket.ts';
import type { HostChange } from './contract.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;

/** `struct nfgenmsg`: family, version, resource. */
const HEADER_BYTES = 4;
const NFPROTO_INET = 1;
const NFPROTO_IPV4 = 2;

/** The table's name, whatever the object: `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, … */
const NFTA_TABLE = 1;
const NFTA_CHAIN_TYPE = 7;

/**
 * Reads one message.
 * @param table the name of our table, of family ip
 * @returns null: it tells of no object of nftables
 */
export function readFilterNews({ type, body }: NewsMessage, table: string): HostChange | null {
  const kind = type & 0xff;
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return null;
  if (kind === NFT_MSG_NEWGEN || kind === NFT_MSG_GETGEN) return null;
  const family = body[0];
  const attributes = body.subarray(HEADER_BYTES);
  const is = (attribute: number, value: string) =>
    textOf(attributeOf(attributes, attribute)) === value;
  const carriesIpv4 = family === NFPROTO_IPV4 || family === NFPROTO_INET;
  return {
    of: 'filter',
    ours: family === NFPROTO_IPV4 && is(NFTA_TABLE, table),
    // One that goes is not told of by its type; and to look flows up that nobody NATs does no harm.
    nat: kind === NFT_MSG_NEWCHAIN && carriesIpv4 && is(NFTA_CHAIN_TYPE, 'nat'),
  };
}
