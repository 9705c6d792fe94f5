import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { masqueradeChain } from '../../src/agent/masquerade.ts';
import { overlaysApart } from '../../src/agent/other_networks.ts';
import { policyAsJoined, rememberPolicy, withPolicy } from '../../src/agent/policy.ts';
import type { Policy } from '../../src/agent/world.ts';
import type { Decision } from '../../src/backend/contract.ts';
import { parseConfig } from '../../src/lease/config.ts';
import type { Lease } from '../../src/lease/lease.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import { nothing } from '../../src/plan/state.ts';
import { interfaceOf, NO_POLICY, vxlanAttributes } from './world.ts';

const config = parseConfig('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
const OWN: Lease = {
  subnet: parsePrefix('10.5.52.0/24'),
  attributes: vxlanAttributes('192.168.64.3', '02:00:00:00:00:03'),
  expiresAt: 'unknown',
  revision: 1,
};
const CARRIED: Decision = { ...nothing, mode: 'default', reached: 0, warnings: [] };
const CHAIN = masqueradeChain(config.network, OWN.subnet);

function decide(policy: Partial<Policy>, others: string[] = [], filter: string | null = null) {
  const found = { config, policy: { ...NO_POLICY, ...policy }, others: others.map(parsePrefix) };
  return withPolicy({ ...CARRIED, filter }, found, OWN);
}

describe('the policy', () => {
  it('masquerades by flannel’s rules, in their order', () => {
    assert.deepEqual(CHAIN.split('\n').slice(2, -1), [
      'ip saddr 10.5.0.0/16 ip daddr 10.5.0.0/16 return',
      'ip daddr 224.0.0.0/4 return',
      'ip saddr 10.5.0.0/16 masquerade fully-random',
      'ip daddr 10.5.52.0/24 return',
      'ip daddr 10.5.0.0/16 masquerade fully-random',
    ]);
  });

  it('stands beside what else is in the table', () => {
    assert.deepEqual(decide({}), CARRIED);
    assert.equal(decide({ masquerades: true }).filter, CHAIN);
    const other = 'chain other {}';
    assert.equal(decide({}, [], other).filter, other);
    assert.equal(decide({ masquerades: true }, [], other).filter, `${other}\n${CHAIN}`);
  });

  it('keeps apart what other networks the host has, both ways, and needs no chain without any', () => {
    assert.equal(decide({ apart: true }).filter, null);
    const { filter } = decide({ apart: true }, ['10.6.0.0/16', '10.7.0.0/16']);
    assert.deepEqual(filter?.split('\n').slice(2, -1), [
      'ip saddr 10.5.0.0/16 ip daddr { 10.6.0.0/16, 10.7.0.0/16 } drop',
      'ip saddr { 10.6.0.0/16, 10.7.0.0/16 } ip daddr 10.5.0.0/16 drop',
    ]);
  });

  it('has a blackhole behind the own subnet, if it is asked for', () => {
    assert.deepEqual(decide({}).routes, []);
    const hole = { destination: '10.5.52.0/24', via: '', device: '', onlink: true };
    assert.deepEqual(decide({ blackholes: true }).routes, [{ ...hole, blackhole: true }]);
  });

  it('is remembered whole, and as usual by nothing', () => {
    assert.deepEqual(rememberPolicy(NO_POLICY), {});
    const all = { masquerades: true, forwards: false, blackholes: true, apart: true };
    assert.deepEqual(policyAsJoined(NO_POLICY, rememberPolicy(all)), all);
    assert.deepEqual(rememberPolicy(all, [parsePrefix('10.6.0.0/16')]).apart, ['10.6.0.0/16']);
    for (const name of Object.keys(all) as (keyof Policy)[]) {
      const one = { ...NO_POLICY, [name]: all[name] };
      assert.deepEqual(policyAsJoined(NO_POLICY, rememberPolicy(one)), one);
    }
  });

  it('keeps apart what is gone, while the host has an address in it', () => {
    const own = config.network;
    const [blue, green, red] = ['10.6.0.0/16', '10.7.0.0/16', '10.5.128.0/17'].map(parsePrefix);
    assert(blue && green && red);
    const bridge = interfaceOf('cni-blue', {
      addresses: [{ address: '10.6.9.1', prefixLength: 24 }],
    });
    const apart = (now: Prefix[], earlier: Prefix[], addresses = [bridge]) =>
      overlaysApart(own, now, earlier, addresses).map(formatPrefix);
    assert.deepEqual(apart([green], [blue, green]), ['10.6.0.0/16', '10.7.0.0/16']);
    assert.deepEqual(apart([green], [blue, green], []), ['10.7.0.0/16']);
    assert.deepEqual(
      apart(
        [],
        [red],
        [interfaceOf('x', { addresses: [{ address: '10.5.200.1', prefixLength: 24 }] })],
      ),
      [],
    );
    assert.deepEqual(apart([blue], [blue]), ['10.6.0.0/16']);
  });
});
