import assert from 'node:assert/strict';
import { it } from 'node:test';
import { masqueradeChain, withMasquerade } from '../../src/agent/masquerade.ts';
import { parsePrefix } from '../../src/net/prefix.ts';

const NETWORK = parsePrefix('10.5.0.0/16');
const SUBNET = parsePrefix('10.5.52.0/24');

it('is flannel’s rules, in their order', () => {
  assert.deepEqual(masqueradeChain(NETWORK, SUBNET).split('\n').slice(2, -1), [
    'ip saddr 10.5.0.0/16 ip daddr 10.5.0.0/16 return',
    'ip daddr 224.0.0.0/4 return',
    'ip saddr 10.5.0.0/16 masquerade fully-random',
    'ip daddr 10.5.52.0/24 return',
    'ip daddr 10.5.0.0/16 masquerade fully-random',
  ]);
});

it('stands beside what else is in the table', () => {
  const filter = (others: string | null) =>
    withMasquerade({ filter: others, mtu: 1450 }, NETWORK, SUBNET);
  const chain = masqueradeChain(NETWORK, SUBNET);
  assert.deepEqual(filter(null), { filter: chain, mtu: 1450 });
  assert.deepEqual(filter('chain other {}'), { filter: `chain other {}\n${chain}`, mtu: 1450 });
});
