/** What the host's netfilter and IPVS say, as FastPath understands it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listNat } from '../../src/kernel/netfilter.ts';

/** Linux's ip_vs_info_seq_show. */
const IPVS_HEADER = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
`;

test('a table is named once, and only where it carries IPv4', () => {
  const chain = (family: string, table: string, type?: string) => ({
    family,
    table,
    name: 'c',
    type,
  });
  const chains = [
    chain('ip', 'nat', 'nat'),
    chain('ip', 'nat', 'nat'),
    chain('ip', 'nat'),
    chain('inet', 'kube', 'nat'),
    chain('ip6', 'nat', 'nat'),
    chain('ip', 'filter', 'filter'),
  ];
  const nft = ['table ip nat of nftables', 'table inet kube of nftables'];
  assert.deepEqual(listNat(chains, '', ''), nft);
});

test('iptables-legacy counts with its table nat only', () => {
  assert.deepEqual(listNat([], 'filter\nmangle\n', ''), []);
  assert.deepEqual(listNat([], 'nat\nfilter\n', ''), ['table nat of iptables-legacy']);
});

test('IPVS counts with a service', () => {
  assert.deepEqual(listNat([], '', IPVS_HEADER), []);
  const service = 'TCP  0A60000A:0050 rr\n  -> 0A050102:2328      Masq    1      0          0\n';
  assert.deepEqual(listNat([], '', IPVS_HEADER + service), ['IPVS']);
});
