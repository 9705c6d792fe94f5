import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TartanError } from '../../src/errors.ts';
import { diff } from '../../src/plan/diff.ts';
import { generationName, numberingOf } from '../../src/plan/generations.ts';
import type { Op } from '../../src/plan/op.ts';
import { nothing, type ObservedState } from '../../src/plan/state.ts';
import {
  BUILD,
  check,
  dataplane,
  desired,
  GENERATION,
  generation,
  peer,
  peersOf,
  receive,
  send,
  settings,
  settled,
  withDataplane,
} from './samples.ts';

test('peers: only those that differ are written, those that nobody holds are removed', () => {
  const changed = [
    { ...peer(8), publicIp: '192.168.64.88' },
    { ...peer(9), mac: '02:00:00:00:09:09' },
  ];
  const observed: ObservedState = {
    ...settled,
    generations: new Map([
      [GENERATION, { ...generation, peers: peersOf(peer(6), peer(7), peer(8), peer(9)) }],
    ]),
  };
  const wanted = withDataplane({ peers: peersOf(peer(7), ...changed, peer(10)) });
  assert.deepEqual(diff(wanted, observed), [
    { op: 'peers.remove', generation: GENERATION, subnets: ['10.5.6.0/24'] },
    { op: 'peers.write', generation: GENERATION, peers: [...changed, peer(10)] },
  ] satisfies Op[]);
});

for (const [what, change] of [
  ['network', { network: '10.4.0.0/15' }],
  ['own subnet', { ownSubnet: '10.5.53.0/24' }],
  ['VNI', { vni: 2 }],
  ['MAC', { deviceMac: '02:00:00:00:00:77' }],
  ['underlay address', { underlayAddress: '192.168.64.99' }],
] as const) {
  test(`another ${what} is written into the settings`, () => {
    const next = { ...settings, ...change };
    assert.deepEqual(diff(withDataplane({ settings: next }), settled), [
      { op: 'settings.write', generation: GENERATION, settings: next },
    ] satisfies Op[]);
  });
}

test('settings that were never finished are written', () => {
  const observed: ObservedState = {
    ...settled,
    generations: new Map([[GENERATION, { ...generation, settings: null }]]),
  };
  assert.deepEqual(diff(desired, observed), [
    { op: 'settings.write', generation: GENERATION, settings },
  ] satisfies Op[]);
});

test('another underlay: the program moves', () => {
  const next = { ...settings, underlay: 'eth1' };
  const moved = { ...receive, device: 'eth1' };
  const wanted = withDataplane({ settings: next, attachments: [send, check, moved] });
  assert.deepEqual(diff(wanted, settled), [
    { op: 'bpf.detach', attachment: receive },
    { op: 'settings.write', generation: GENERATION, settings: next },
    { op: 'bpf.attach', attachment: moved, generation: GENERATION },
  ] satisfies Op[]);
});

test('by other means: all new ones are attached before the old ones go', () => {
  const moved = dataplane.attachments.map((one) => ({ ...one, by: 'clsact' as const }));
  assert.deepEqual(diff(withDataplane({ attachments: moved }), settled), [
    ...moved.map((attachment): Op => ({ op: 'bpf.attach', attachment, generation: GENERATION })),
    ...dataplane.attachments.map((attachment): Op => ({ op: 'bpf.detach', attachment })),
  ] satisfies Op[]);
});

test('a program that somebody took off is attached again', () => {
  const observed: ObservedState = {
    ...settled,
    attachments: settled.attachments.filter(({ program }) => program !== 'vxlan_check'),
  };
  assert.deepEqual(diff(desired, observed), [
    { op: 'bpf.attach', attachment: check, generation: GENERATION },
  ] satisfies Op[]);
});

const otherBuild: ObservedState = { ...settled, builds: { vxlan: 'fedcba987654'.padEnd(64, '0') } };
const attachAll = (generation: string) =>
  [send, check, receive].map((attachment): Op => ({ op: 'bpf.attach', attachment, generation }));

test('other programs take over all maps: nothing is written that is there already', () => {
  const name = generationName('vxlan', otherBuild.builds.vxlan ?? '', settings);
  assert.notEqual(name, GENERATION);
  const load: Op = {
    ...{ op: 'bpf.load', object: 'vxlan', generation: name, subnetCount: settings.subnetCount },
    ...{ irregularPlaces: 1024, from: GENERATION, renumbered: false },
  };
  const unload: Op = { op: 'bpf.unload', generation: GENERATION };
  assert.deepEqual(diff(desired, otherBuild), [load, ...attachAll(name), unload]);

  const next = { ...settings, mtu: 1400 };
  const changed = withDataplane({ settings: next, peers: peersOf(peer(7), peer(9)) });
  assert.deepEqual(diff(changed, otherBuild), [
    load,
    { op: 'settings.write', generation: name, settings: next },
    { op: 'peers.remove', generation: name, subnets: [peer(8).subnet] },
    { op: 'peers.write', generation: name, peers: [peer(9)] },
    ...attachAll(name),
    unload,
  ] satisfies Op[]);
});

test('what is attached is taken over from, before what is only pinned', () => {
  const left = generationName('vxlan', '0'.repeat(64), settings);
  const observed: ObservedState = {
    ...otherBuild,
    generations: new Map([
      [left, { ...generation, peers: new Map() }],
      [GENERATION, generation],
    ]),
  };
  const [load] = diff(desired, observed);
  assert(load?.op === 'bpf.load');
  assert.equal(load.from, GENERATION);
});

test('more irregular peers than have room: a larger trie, which is kept when they go', () => {
  const many = peersOf(
    ...Array.from({ length: 3000 }, (_, number) => ({
      ...peer(7),
      subnet: `10.5.${64 + (number >> 6)}.${4 * (number & 63)}/30`,
    })),
  );
  const name = generationName('vxlan', BUILD, settings, 4096);
  assert.equal(name, `${GENERATION}-4096`);
  assert.equal(numberingOf(name), numberingOf(GENERATION));
  const [load, ...others] = diff(withDataplane({ peers: many }), settled);
  assert.deepEqual(load, {
    ...{ op: 'bpf.load', object: 'vxlan', generation: name, subnetCount: settings.subnetCount },
    ...{ irregularPlaces: 4096, from: GENERATION, renumbered: false },
  });
  assert.deepEqual(others.at(-1), { op: 'bpf.unload', generation: GENERATION });

  const grown: ObservedState = {
    ...settled,
    generations: new Map([[name, { ...generation, peers: many }]]),
    attachments: settled.attachments.map((one) => ({ ...one, generation: name })),
  };
  assert.deepEqual(diff(withDataplane({ peers: many }), grown), []);
  assert.deepEqual(
    diff(desired, grown).map(({ op }) => op),
    ['peers.remove', 'peers.write'],
  );
  const upgrade = diff(desired, { ...grown, builds: otherBuild.builds }).find(
    ({ op }) => op === 'bpf.load',
  );
  assert(upgrade?.op === 'bpf.load');
  assert.equal(upgrade.irregularPlaces, 4096, 'slots are taken over as they are');
});

for (const [what, next] of [
  ['a peer array of another size', { ...settings, subnetCount: 128 }],
  ['other numbers in the peer array', { ...settings, firstSubnet: '10.5.0.0/24' }],
  ['subnets of another length', { ...settings, firstSubnet: '10.5.1.0/25' }],
] as const) {
  test(`${what}: load, fill, go on counting by subnet, attach, and only then unload the old`, () => {
    const name = generationName('vxlan', BUILD, next);
    assert.notEqual(name, GENERATION);
    assert.deepEqual(diff(withDataplane({ settings: next }), settled), [
      {
        ...{ op: 'bpf.load', object: 'vxlan', generation: name, subnetCount: next.subnetCount },
        ...{ irregularPlaces: 1024, from: GENERATION, renumbered: true },
      },
      { op: 'settings.write', generation: name, settings: next },
      { op: 'peers.write', generation: name, peers: [...dataplane.peers.values()] },
      { op: 'traffic.copy', from: GENERATION, generation: name },
      ...attachAll(name),
      { op: 'bpf.unload', generation: GENERATION },
    ] satisfies Op[]);
  });
}

test('a generation that lost a pin is loaded anew, filled and attached: what runs reads the old maps', () => {
  const flaw = { kind: 'incomplete', detail: 'counters missing' } as const;
  const observed: ObservedState = {
    ...settled,
    generations: new Map([
      [GENERATION, { settings: null, peers: new Map(), endpoints: new Map(), flaw }],
    ]),
  };
  assert.deepEqual(
    diff(desired, observed).map(({ op }) => op),
    ['bpf.load', 'settings.write', 'peers.write', 'bpf.attach', 'bpf.attach', 'bpf.attach'],
  );
});

test('what is pinned in the place of a generation and is not ours is refused, and removed by leaving', () => {
  const flaw = { kind: 'foreign', detail: 'peers has another layout (type 1)' } as const;
  const observed: ObservedState = {
    ...settled,
    generations: new Map([
      [GENERATION, { settings: null, peers: new Map(), endpoints: new Map(), flaw }],
    ]),
  };
  assert.throws(
    () => diff(desired, observed),
    (error) =>
      error instanceof TartanError &&
      error.code === 'PINS_FOREIGN' &&
      error.message.includes(GENERATION) &&
      error.message.includes(flaw.detail),
  );
  assert.deepEqual(diff(nothing, observed).at(-1), { op: 'bpf.unload', generation: GENERATION });
});

test("a generation's name can be pinned", () => {
  assert.match(generationName('vxlan', BUILD, settings), /^vxlan-0123456789ab-[0-9-]+$/);
});

test('programs that were not built are missed', () => {
  assert.throws(
    () => diff(desired, { ...settled, builds: { vxlan: null } }),
    (error) =>
      error instanceof TartanError &&
      error.code === 'MISSING' &&
      error.message.includes('vxlan.o') &&
      error.hint.includes('make bpf'),
  );
});

test('leaving takes no programs that are built', () => {
  const observed: ObservedState = { ...settled, builds: { vxlan: null } };
  assert.deepEqual(diff(nothing, observed), diff(nothing, settled));
});
