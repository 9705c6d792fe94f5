import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diff } from '../../src/plan/diff.ts';
import type { ForeignLink } from '../../src/plan/links.ts';
import type { Op } from '../../src/plan/op.ts';
import type { DesiredState, ObservedState } from '../../src/plan/state.ts';
import {
  bare,
  classicLink,
  desired,
  fdbEntryOf,
  GENERATION,
  kernelMode,
  neighborOf,
  peer,
  peerRoute,
  receive,
  settled,
} from './samples.ts';

const peers = [peer(7), peer(8)];
const wish = kernelMode(...peers);
const up: Op = { op: 'link.set', name: 'flannel.1', up: true };

/** A host that looks as it is to look. */
function as({ dataplane: _, ...state }: DesiredState): ObservedState {
  return { ...bare, ...state };
}

const fromScratch: Op[] = [
  { op: 'link.add', link: classicLink },
  { op: 'address.add', address: { device: 'flannel.1', address: '10.5.52.0/32' } },
  up,
  { op: 'neighbors.write', neighbors: wish.neighbors },
  { op: 'fdb.write', fdb: wish.fdb },
  { op: 'routes.add', routes: wish.routes },
];

test('kernel mode takes three entries a peer and no program, also where none is built', () => {
  assert.deepEqual(diff(wish, { ...bare, builds: { vxlan: null } }), fromScratch);
  assert.deepEqual(diff(wish, as(wish)), []);
});

test('from the programs to kernel mode: device, programs and pins go, the rest comes anew', () => {
  assert.deepEqual(diff(wish, settled), [
    { op: 'link.remove', name: 'flannel.1' },
    { op: 'bpf.detach', attachment: receive },
    ...fromScratch,
    { op: 'bpf.unload', generation: GENERATION },
  ] satisfies Op[]);
});

test('and back: the programs are loaded before anything is taken away', () => {
  const [first, second, third] = diff(desired, as(wish)).map(({ op }) => op);
  assert.deepEqual([first, second, third], ['bpf.load', 'link.remove', 'link.add']);
});

test('a peer that comes, goes, or changes is the only difference', () => {
  const three = kernelMode(...peers, peer(9));
  assert.deepEqual(diff(three, as(wish)), [
    { op: 'neighbors.write', neighbors: [neighborOf(peer(9))] },
    { op: 'fdb.write', fdb: [fdbEntryOf(peer(9))] },
    { op: 'routes.add', routes: [peerRoute(peer(9))] },
  ] satisfies Op[]);
  assert.deepEqual(diff(wish, as(three)), [
    { op: 'routes.remove', routes: [peerRoute(peer(9))] },
    { op: 'neighbors.remove', neighbors: [neighborOf(peer(9))] },
    { op: 'fdb.remove', fdb: [fdbEntryOf(peer(9))] },
  ] satisfies Op[]);
  const moved = { ...peer(8), publicIp: '192.168.64.88' };
  assert.deepEqual(diff(kernelMode(peer(7), moved), as(wish)), [
    { op: 'fdb.write', fdb: [fdbEntryOf(moved)] },
  ] satisfies Op[]);
  const other = { ...peer(8), mac: '02:00:00:00:01:88' };
  assert.deepEqual(diff(kernelMode(peer(7), other), as(wish)), [
    { op: 'fdb.remove', fdb: [fdbEntryOf(peer(8))] },
    { op: 'neighbors.write', neighbors: [neighborOf(other)] },
    { op: 'fdb.write', fdb: [fdbEntryOf(other)] },
  ] satisfies Op[]);
});

test('a device that went down has lost routes and neighbours, and keeps its FDB', () => {
  const flapped = {
    ...as(wish),
    links: [{ ...classicLink, up: false }],
    routes: [],
    neighbors: [],
  };
  assert.deepEqual(diff(wish, flapped), [
    up,
    { op: 'neighbors.write', neighbors: wish.neighbors },
    { op: 'routes.add', routes: wish.routes },
  ] satisfies Op[]);
});

for (const change of [
  { underlay: 'eth1' },
  { underlayAddress: '192.168.64.22' },
  { port: 4789 },
  { vni: 2 },
  { gbp: true },
  { mac: '02:00:00:00:00:99' },
] as const) {
  test(`a device with another ${Object.keys(change)} is made anew`, () => {
    const found = { ...as(wish), links: [{ ...classicLink, ...change }] };
    assert.deepEqual(diff(wish, found), [{ op: 'link.remove', name: 'flannel.1' }, ...fromScratch]);
  });
}

test('one with another MTU is changed', () => {
  const found = { ...as(wish), links: [{ ...classicLink, mtu: 1400 }] };
  assert.deepEqual(diff(wish, found), [{ op: 'link.set', name: 'flannel.1', mtu: 1450 }]);
});

test("somebody else's device that has the VNI is named, up or down: the kernel makes no second one", () => {
  const { vni, port } = classicLink;
  const other: ForeignLink = {
    ...{ name: 'x', kind: 'foreign', detail: 'vxlan', mac: '02:00:00:00:00:99' },
    ...{ classic: { vni, port }, network: null, socket: null },
  };
  assert.throws(() => diff(wish, { ...bare, links: [other] }), {
    code: 'DEVICE_FOREIGN',
    message: /flannel\.1 cannot have VNI 1: x has it/,
    hint: /ip link delete x/,
  });
  const elsewhere = { ...other, classic: { vni, port: port + 1 } };
  assert.deepEqual(diff(wish, { ...bare, links: [elsewhere] }), fromScratch);
});
