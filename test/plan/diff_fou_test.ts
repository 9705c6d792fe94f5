import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diff } from '../../src/plan/diff.ts';
import { chainOfFou, fouOfChain } from '../../src/plan/fou.ts';
import type { ForeignLink, FouLink, Link } from '../../src/plan/links.ts';
import type { Op } from '../../src/plan/op.ts';
import {
  type DesiredState,
  hashFilter,
  nothing,
  type ObservedState,
} from '../../src/plan/state.ts';
import { bare } from './samples.ts';

const link: FouLink = {
  ...{ name: 'flannel0', kind: 'fou', mtu: 1472, port: 8285, underlay: 'eth0' },
  ...{ underlayAddress: '192.168.64.2', tuned: true, up: true },
};
const fou = { address: '192.168.64.2', port: 8285 };
const address = { device: 'flannel0', address: '10.5.52.0/32' };
const routes = [
  { destination: '10.5.7.0/24', via: '192.168.64.7', device: 'flannel0', onlink: true },
];
const filter = 'chain a {}';
const wish: DesiredState = {
  ...{ ...nothing, network: '10.5.0.0/16', links: [link], fou: [fou] },
  ...{ addresses: [address], routes, filter },
};
const settled: ObservedState = {
  ...{ ...bare, links: [link], fou: [fou], addresses: [address], routes },
  filter: hashFilter(filter),
};
const up: Op = { op: 'link.set', name: 'flannel0', up: true };

test('the port comes after the device that says whose it is, and before it is up', () => {
  assert.deepEqual(diff(wish, bare), [
    { op: 'link.add', link },
    { op: 'fou.add', fou },
    { op: 'address.add', address },
    up,
    { op: 'filter.write', text: filter },
    { op: 'routes.add', routes },
  ] satisfies Op[]);
  assert.deepEqual(diff(wish, settled), []);
});

test('and goes before it', () => {
  assert.deepEqual(diff({ ...nothing, network: '10.5.0.0/16' }, settled), [
    { op: 'filter.remove' },
    { op: 'fou.remove', fou },
    { op: 'link.remove', name: 'flannel0' },
  ] satisfies Op[]);
});

test('either is made again by itself', () => {
  assert.deepEqual(diff(wish, { ...settled, fou: [] }), [{ op: 'fou.add', fou }]);
  const ops = diff(wish, { ...settled, links: [] }).map(({ op }) => op);
  assert.deepEqual(ops, ['link.add', 'address.add', 'link.set', 'routes.add']);
});

test('another address of the underlay is another port and another device', () => {
  const moved = { ...wish, links: [{ ...link, underlayAddress: '192.168.64.22' }] };
  const ops = diff({ ...moved, fou: [{ ...fou, address: '192.168.64.22' }] }, settled);
  assert.deepEqual(
    ops.map(({ op }) => op).filter((op) => /^(fou|link)/.test(op)),
    ['fou.remove', 'link.remove', 'link.add', 'fou.add', 'link.set'],
  );
});

test('offloads that somebody has changed are changed back', () => {
  assert.deepEqual(diff(wish, { ...settled, links: [{ ...link, tuned: false }] }), [
    { op: 'link.set', name: 'flannel0', tuned: true },
  ] satisfies Op[]);
});

const others: readonly Link[] = [
  { name: 'flannel0', kind: 'tun', mtu: 1472, up: true },
  {
    ...{ name: 'flannel0', kind: 'pair', far: 'flannel0.far', mac: '02:00:00:00:00:01' },
    ...{ mtu: 1472, tuned: true, up: true },
  },
];

for (const other of others) {
  test(`from a ${other.kind} and back`, () => {
    const pick = (ops: readonly Op[]) =>
      ops.map(({ op }) => op).filter((op) => /^(fou|link)/.test(op));
    const observed = { ...settled, links: [other], fou: [] };
    assert.deepEqual(pick(diff(wish, observed)), [
      'link.remove',
      'link.add',
      'fou.add',
      'link.set',
    ]);
    const back = diff({ ...nothing, network: wish.network, links: [other] }, settled);
    assert.deepEqual(pick(back), ['fou.remove', 'link.remove', 'link.add', 'link.set']);
  });
}

test('a device that takes all packets in packets for the address stands in the way', () => {
  const ipip: ForeignLink = {
    ...{ name: 'flannel.ipip', kind: 'foreign', detail: 'ipip', mac: '', classic: null },
    ...{ network: null, socket: null, ipipAddress: '192.168.64.2' },
  };
  const on = (foreign: ForeignLink) => () => diff(wish, { ...bare, links: [foreign] });
  assert.throws(on(ipip), {
    code: 'DEVICE_FOREIGN',
    message: /192\.168\.64\.2: flannel\.ipip has them/,
    hint: /ip link delete flannel\.ipip/,
  });
  assert.throws(on({ ...ipip, network: 'blue' }), { code: 'DEVICE_FOREIGN', hint: /two networks/ });
  on({ ...ipip, ipipAddress: '192.168.64.3' })();
});

test('a chain tells the port', () => {
  assert.deepEqual(fouOfChain(chainOfFou(fou)), fou);
  assert.equal(fouOfChain('made_from_1'), null);
});
