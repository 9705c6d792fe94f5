import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConverger } from '../../src/agent/converge.ts';
import type { Peer } from '../../src/plan/dataplane.ts';
import { generationName } from '../../src/plan/generations.ts';
import type { DesiredState, ObservedState } from '../../src/plan/state.ts';
import { recordingKernel } from './world.ts';

const BUILD = '0123456789abcdef';
const settings = {
  network: '10.5.0.0/16',
  ownSubnet: '10.5.1.0/24',
  firstSubnet: '10.5.1.0/24',
  subnetCount: 255,
  vni: 1,
  port: 8472,
  device: 'flannel.1',
  deviceMac: '02:00:00:00:00:01',
  far: null,
  underlay: 'eth0',
  underlayAddress: '192.168.64.3',
  mtu: 1450,
  fastPath: false,
  conntrack: false,
  gbp: false,
};
const peerOf = (n: number): Peer => ({
  subnet: `10.5.${n}.0/24`,
  publicIp: `192.168.64.${n}`,
  mac: '02:00:00:00:00:02',
});

const desiredWith = (...peers: Peer[]): DesiredState => ({
  network: '10.5.0.0/16',
  links: [],
  addresses: [],
  routes: [],
  neighbors: [],
  fdb: [],
  filter: null,
  dataplane: {
    object: 'vxlan',
    settings,
    attachments: [],
    peers: new Map(peers.map((peer) => [peer.subnet, peer])),
    endpoints: new Map(),
  },
});

/** A converger on a kernel that has the programs and no peers, and how often it was read. */
function setUp() {
  const generation = generationName('vxlan', BUILD, settings);
  const observed = (): ObservedState => ({
    links: [],
    addresses: [],
    routes: [],
    neighbors: [],
    fdb: [],
    filter: null,
    generations: new Map([[generation, { settings, peers: new Map(), endpoints: new Map() }]]),
    attachments: [],
    builds: { vxlan: BUILD },
  });
  const kernel = recordingKernel();
  const reads = { count: 0 };
  const observe = async () => {
    reads.count += 1;
    return observed();
  };
  const { signal } = new AbortController();
  return { kernel, reads, converger: createConverger(Object.assign(kernel, { observe }), signal) };
}

test('peers are followed without reading the kernel again, and only differences are written', async () => {
  const { kernel, reads, converger } = setUp();
  await converger.converge(desiredWith(peerOf(2)));
  await converger.converge(desiredWith(peerOf(2), peerOf(3)));
  await converger.converge(desiredWith(peerOf(3)));
  assert.deepEqual(await converger.converge(desiredWith(peerOf(3))), []);
  assert.equal(reads.count, 1);
  const steps = kernel.ops.map((op) => ('peers' in op ? op.peers : 'subnets' in op && op.subnets));
  assert.deepEqual(steps, [[peerOf(2)], [peerOf(3)], ['10.5.2.0/24']]);
});

test('what is left to do is known after each run, and what stands also when it is to be read again', async () => {
  const { kernel, converger } = setUp();
  const peersSeen = () => [...(converger.last().seen?.generations.values() ?? [])][0]?.peers.size;
  assert.deepEqual(converger.last(), { seen: null, differences: 0 });
  kernel.failNext(new Error('refused'));
  await assert.rejects(converger.converge(desiredWith(peerOf(2))), /refused/);
  assert.equal(converger.last().differences, 1);
  assert.equal(peersSeen(), 0);
  await converger.converge(desiredWith(peerOf(2)));
  assert.deepEqual([converger.last().differences, peersSeen()], [0, 1]);
  converger.forget();
  assert.equal(peersSeen(), 1);
});

test("kernel mode's peers are followed in the same way", async () => {
  const { kernel, reads, converger } = setUp();
  const device = 'flannel.1';
  const wish = (...hosts: { n: number; mac: string; publicIp: string }[]): DesiredState => ({
    ...desiredWith(),
    routes: hosts.map(({ n }) => {
      return { destination: `10.5.${n}.0/24`, via: `10.5.${n}.0`, device, onlink: true };
    }),
    neighbors: hosts.map(({ n, mac }) => ({ device, address: `10.5.${n}.0`, mac })),
    fdb: hosts.map(({ mac, publicIp }) => ({ device, mac, publicIp })),
  });
  const two = { n: 2, mac: '02:00:00:00:00:02', publicIp: '192.168.64.2' };
  const three = { n: 3, mac: '02:00:00:00:00:03', publicIp: '192.168.64.3' };
  await converger.converge(wish(two));
  await converger.converge(wish(two, three));
  await converger.converge(wish({ ...two, mac: '02:00:00:00:00:22' }, three));
  await converger.converge(wish(three));
  assert.deepEqual(await converger.converge(wish(three)), []);
  assert.equal(reads.count, 1);
  assert.deepEqual(
    kernel.ops.map(({ op }) => op),
    [
      ...['neighbors.write', 'fdb.write', 'routes.add'],
      ...['neighbors.write', 'fdb.write', 'routes.add'],
      ...['fdb.remove', 'neighbors.write', 'fdb.write'],
      ...['routes.remove', 'neighbors.remove', 'fdb.remove'],
    ],
  );
});

test('after any other step, and when it is told to forget, the kernel is read again', async () => {
  const { reads, converger } = setUp();
  const address = { device: 'flannel.1', address: '10.5.52.0/32' };
  await converger.converge({ ...desiredWith(), addresses: [address] });
  await converger.observe();
  assert.equal(reads.count, 2);
  converger.forget();
  await converger.observe();
  assert.equal(reads.count, 3);
});

test('after a step that failed nothing is taken for known', async () => {
  const { kernel, reads, converger } = setUp();
  kernel.failNext(new Error('no memory'));
  await assert.rejects(converger.converge(desiredWith(peerOf(2))), /no memory/);
  const ops = await converger.converge(desiredWith(peerOf(2)));
  assert.equal(reads.count, 2);
  assert.deepEqual(
    ops.map(({ op }) => op),
    ['peers.write'],
  );
});

test('what the kernel has against a route keeps no other step from being taken', async () => {
  const { kernel, reads, converger } = setUp();
  const device = 'flannel.1';
  const wish = (...numbers: number[]): DesiredState => ({
    ...desiredWith(),
    routes: numbers.map((n) => {
      return { destination: `10.5.${n}.0/24`, via: `192.168.64.${n}`, device, onlink: false };
    }),
  });
  await converger.converge(wish(1));
  kernel.failNext(new Error('invalid gateway'));
  await assert.rejects(converger.converge(wish(2)), /invalid gateway/);
  assert.deepEqual(
    kernel.ops.slice(1).map(({ op }) => op),
    ['routes.remove'],
  );
  await converger.observe();
  assert.equal(reads.count, 2);
});
