import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeSubnetKey } from '../../src/lease/codec.ts';
import { prefixOf } from '../../src/net/prefix.ts';
import { keyLayout, putEvent, removedEvent, snapshotOf } from '../../src/store/keys.ts';

const layout = keyLayout();

test('keys lie where flannel has them', () => {
  const expected = {
    config: '/coreos.com/network/config',
    subnets: '/coreos.com/network/subnets/',
    subnetsEnd: '/coreos.com/network/subnets0',
  };
  assert.deepEqual(keyLayout(), expected);
  assert.deepEqual(keyLayout('/coreos.com/network/'), expected);
  assert.equal(keyLayout('/coreos.com/network/blue').config, '/coreos.com/network/blue/config');
});

test('nothing at a subnet key makes reading throw, and nothing vanishes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
      const key = layout.subnets + name;
      const entry = { key, value, revision: 1, expiresAt: 'never' } as const;
      const { leases, rejected } = snapshotOf(layout, [entry], 1);
      assert.equal(leases.length + rejected.length, 1);
      assert.equal(putEvent(layout, entry).type, leases.length === 1 ? 'put' : 'rejected');
      if (rejected[0]) assert.equal(rejected[0].key, name);
    }),
  );
});

test('a subnet’s key ends as the subnet’s removal', () => {
  const subnets = fc.tuple(fc.nat(0xffff_ffff), fc.integer({ min: 0, max: 32 }));
  fc.assert(
    fc.property(subnets, ([address, length]) => {
      const subnet = prefixOf(address, length);
      const event = removedEvent(layout, layout.subnets + encodeSubnetKey(subnet));
      assert.deepEqual(event, { type: 'removed', subnet });
    }),
  );
});

test('the end of a key that was no lease says nothing of its subnet', () => {
  // The IPv4 half of it may well be another key's lease, and that one is still there.
  const key = `${layout.subnets}10.5.52.0-24&fd00:12:13::-56`;
  assert.equal(removedEvent(layout, key), null);
  const entry = { key, value: '{"PublicIP":"1.2.3.4"}', revision: 1, expiresAt: 'never' } as const;
  const { rejected } = snapshotOf(layout, [entry], 1);
  assert.deepEqual(rejected[0]?.subnet, prefixOf(0x0a053400, 24));
});
