import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TartanError } from '../../src/errors.ts';
import { diff } from '../../src/plan/diff.ts';
import type { ObservedLink } from '../../src/plan/links.ts';
import type { Op } from '../../src/plan/op.ts';
import { nothing, type ObservedState } from '../../src/plan/state.ts';
import {
  bare,
  check,
  dataplane,
  desired,
  GENERATION,
  link,
  peer,
  receive,
  route,
  send,
  settings,
  settled,
} from './samples.ts';

const attach = (attachment: typeof send): Op => ({
  op: 'bpf.attach',
  attachment,
  generation: GENERATION,
});

const up: Op = { op: 'link.set', name: 'flannel.1', up: true };
const addRoutes: Op = { op: 'routes.add', routes: desired.routes };
const addAddress: Op = {
  op: 'address.add',
  address: { device: 'flannel.1', address: '10.5.52.0/32' },
};

const classic: ObservedLink = {
  name: 'flannel.1',
  kind: 'foreign',
  detail: 'vxlan id 1 dstport 8472',
  mac: 'c6:d2:32:6f:8f:44',
  classic: { vni: 1, port: 8472 },
  network: null,
  socket: null,
};

/** All that makes the device and what hangs on it. */
const deviceFromScratch: Op[] = [
  { op: 'link.add', link },
  { op: 'settings.write', generation: GENERATION, settings },
  attach(send),
  attach(check),
  { op: 'vni.add', device: 'flannel.1', vni: 1 },
  addAddress,
  up,
  addRoutes,
];

test('equal states need no op', () => {
  assert.deepEqual(diff(desired, settled), []);
  assert.deepEqual(diff(nothing, bare), []);
});

test('a bare host: the programs are in place before the device lets packets in, routes come last', () => {
  assert.deepEqual(diff(desired, bare), [
    {
      ...{ op: 'bpf.load', object: 'vxlan', generation: GENERATION, subnetCount: 255 },
      ...{ irregularPlaces: 1024, from: null, renumbered: false },
    },
    { op: 'link.add', link },
    { op: 'settings.write', generation: GENERATION, settings },
    { op: 'peers.write', generation: GENERATION, peers: [peer(7), peer(8)] },
    attach(send),
    attach(check),
    attach(receive),
    { op: 'vni.add', device: 'flannel.1', vni: 1 },
    addAddress,
    up,
    addRoutes,
  ] satisfies Op[]);
});

test('a host that leaves: the device goes with all that hangs on it, then the programs, then the pins', () => {
  assert.deepEqual(diff(nothing, settled), [
    { op: 'link.remove', name: 'flannel.1' },
    { op: 'bpf.detach', attachment: receive },
    { op: 'bpf.unload', generation: GENERATION },
  ] satisfies Op[]);
});

test('a device of ours that is no longer wanted goes, a foreign one stays', () => {
  const other: ObservedLink = { ...link, name: 'flannel.9', vni: 9 };
  const foreign: ObservedLink = { ...classic, name: 'flannel.7' };
  const observed: ObservedState = { ...settled, links: [link, other, foreign] };
  assert.deepEqual(diff(desired, observed), [{ op: 'link.remove', name: 'flannel.9' }]);
});

for (const [what, found, op] of [
  ['MTU', { mtu: 1400 }, { mtu: 1450 }],
  ['MAC', { mac: '02:00:00:00:00:99' }, { mac: link.mac }],
  ['MTU and MAC', { mtu: 9000, mac: '02:00:00:00:00:99' }, { mtu: 1450, mac: link.mac }],
] as const) {
  test(`another ${what} is set on the device as it is`, () => {
    const observed: ObservedState = { ...settled, links: [{ ...link, ...found }] };
    assert.deepEqual(diff(desired, observed), [{ op: 'link.set', name: 'flannel.1', ...op }]);
  });
}

test('a device that went down and up has lost its routes', () => {
  const observed: ObservedState = { ...settled, links: [{ ...link, up: false }], routes: [] };
  assert.deepEqual(diff(desired, observed), [up, addRoutes]);
});

test('a device whose maker was killed gets its VNI', () => {
  const observed: ObservedState = { ...settled, links: [{ ...link, vni: null }] };
  assert.deepEqual(diff(desired, observed), [{ op: 'vni.add', device: 'flannel.1', vni: 1 }]);
});

test('another VNI makes place', () => {
  const observed: ObservedState = { ...settled, links: [{ ...link, vni: 4 }] };
  assert.deepEqual(diff(desired, observed), [
    { op: 'vni.remove', device: 'flannel.1', vni: 4 },
    { op: 'vni.add', device: 'flannel.1', vni: 1 },
  ] satisfies Op[]);
});

test('a device of another port is made anew, with all that hung on it', () => {
  const observed: ObservedState = { ...settled, links: [{ ...link, port: 4789 }] };
  assert.deepEqual(diff(desired, observed), [
    { op: 'link.remove', name: 'flannel.1' },
    ...deviceFromScratch,
  ]);
});

test('a device that vanished is made anew, with all that hung on it', () => {
  const observed: ObservedState = {
    ...settled,
    links: [],
    addresses: [],
    routes: [],
    // The index that the settings name leads nowhere; the programs went with the device.
    generations: new Map([
      [GENERATION, { settings: null, peers: dataplane.peers, endpoints: new Map() }],
    ]),
    attachments: [{ ...receive, generation: GENERATION }],
  };
  assert.deepEqual(diff(desired, observed), deviceFromScratch);
});

test("flanneld's device is taken over", () => {
  const observed: ObservedState = { ...bare, links: [classic] };
  const ops = diff(desired, observed);
  assert.deepEqual(
    ops.filter(({ op }) => op !== 'link.remove'),
    diff(desired, bare),
  );
  assert.deepEqual(
    ops.filter(({ op }) => op.startsWith('link.')),
    [{ op: 'link.remove', name: 'flannel.1' }, { op: 'link.add', link }, up] satisfies Op[],
  );
});

for (const [what, foreign] of [
  ['another VNI', { ...classic, classic: { vni: 2, port: 8472 } }],
  ['another port', { ...classic, classic: { vni: 1, port: 4789 } }],
  ['another kind', { ...classic, detail: 'dummy', classic: null }],
] as const) {
  test(`a foreign device of our name with ${what} is refused`, () => {
    assert.throws(
      () => diff(desired, { ...bare, links: [foreign] }),
      (error) =>
        error instanceof TartanError &&
        error.code === 'DEVICE_FOREIGN' &&
        error.message.includes('flannel.1') &&
        error.message.includes(foreign.detail),
    );
  });
}

for (const [what, mode, refused] of [
  ['a classic one', [], true],
  ['one of our kind', ['external', 'vnifilter'], false],
  ['one of our kind, with GBP', ['external', 'vnifilter', 'gbp'], true],
] as const) {
  test(`another vxlan device on the port, ${what}: ${refused ? 'refused by name' : 'no matter'}`, () => {
    const other = { ...classic, name: 'other', socket: { port: link.port, mode } };
    const plan = () => diff(desired, { ...settled, links: [link, other] });
    if (!refused) return assert.deepEqual(plan(), []);
    assert.throws(plan, { code: 'DEVICE_FOREIGN', message: /flannel\.1.*8472.*other/ });
    const elsewhere = { ...other, socket: { ...other.socket, port: 4789 } };
    assert.deepEqual(diff(desired, { ...settled, links: [link, elsewhere] }), []);
  });
}

test('a device with another GBP is made anew', () => {
  const observed: ObservedState = { ...settled, links: [{ ...link, gbp: true }] };
  assert.deepEqual(
    diff(desired, observed).filter(({ op }) => op.startsWith('link.')),
    [{ op: 'link.remove', name: 'flannel.1' }, { op: 'link.add', link }, up] satisfies Op[],
  );
});

test('a foreign device does not keep us from leaving', () => {
  assert.deepEqual(diff(nothing, { ...bare, links: [{ ...classic, classic: null }] }), []);
});

test('routes and addresses change alone', () => {
  const observed: ObservedState = {
    ...settled,
    routes: [route('10.5.1.0/24'), route('10.5.64.0/18'), { ...route('10.5.2.0/23'), via: '' }],
    addresses: [{ device: 'flannel.1', address: '10.5.53.0/32' }],
  };
  assert.deepEqual(diff(desired, observed), [
    { op: 'routes.remove', routes: observed.routes.slice(1) },
    // The old one goes last: with a device's last address go all its routes.
    addAddress,
    { op: 'address.remove', address: { device: 'flannel.1', address: '10.5.53.0/32' } },
    { op: 'routes.add', routes: [route('10.5.2.0/23')] },
  ] satisfies Op[]);
});
