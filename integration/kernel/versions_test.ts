/** From one version's maps to another's and back: what they hold is kept. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { inNamespace } from '../../lab/in_namespace.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { withPinned } from '../../src/bpf/bpffs.ts';
import { readCounters, readTrafficOf } from '../../src/bpf/counters.ts';
import { endpointLayout, mapLayouts } from '../../src/bpf/layouts.gen.ts';
import { type OpenMap, openMapOf } from '../../src/bpf/open_map.ts';
import { encodeStruct } from '../../src/bpf/struct_codec.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import type { Endpoint } from '../../src/plan/dataplane.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import { lookupElement, possibleCpus, updateElement } from '../../src/sys/bpf.ts';
import { compileVariant } from '../bpf/compile.ts';
import { indexOf } from './bystander.ts';
import { type Member, memberAt } from './member.ts';
import { becomeVersion, LATER } from './other_version.ts';
import { missing } from './requirements.ts';
import { CONFIG, desiredOf, ownLease, somePeers, withSettings } from './samples.ts';

const POD_MAC = '02:aa:bb:cc:dd:ee';
const ENDPOINT: Endpoint = {
  address: '10.5.10.7',
  device: 'cable0',
  gatewayMac: '02:00:00:00:00:77',
};

describe('another version', { skip: missing() }, () => {
  let lab: Lab;
  let host: Host;
  let member: Member;
  let desired: DesiredState;
  before(async () => {
    lab = await createLab({ name: 'kernelver', underlay: 'pair', pods: 0 });
    host = lab.host('a');
    const b = lab.host('b');
    await host.shell('ip link add cable0 type veth peer far0');
    member = memberAt(host);
    const wish = desiredOf(host, { peers: [ownLease(b), ...somePeers] });
    assert(wish.dataplane);
    const endpoints = new Map([[ENDPOINT.address, ENDPOINT]]);
    desired = { ...wish, dataplane: { ...wish.dataplane, endpoints } };
    await memberAt(b).converge(desiredOf(b, { peers: [ownLease(host)] }));
  });
  after(() => lab?.destroy());

  /** Packets are counted, and an endpoint's MAC is learned. */
  async function live(): Promise<void> {
    await member.converge(desired);
    await waitForPing(host, '10.5.11.0');
    assert.equal(await ping(host, '10.5.200.1'), 0, 'nobody has it');
    using maps = await member.openMaps();
    const struct = {
      address: parseIpv4(ENDPOINT.address),
      index: inNamespace(host, () => indexOf(ENDPOINT.device)),
      seen: 0,
      gateway_mac: ENDPOINT.gatewayMac,
      mac: POD_MAC,
    };
    const place = keyOf(struct.address % maps.endpoints.maxEntries);
    updateElement(maps.endpoints.fd, place, encodeStruct(endpointLayout, struct));
  }

  async function holdings() {
    using maps = await member.openMaps();
    const place = keyOf(parseIpv4(ENDPOINT.address) % maps.endpoints.maxEntries);
    return {
      counters: readCounters(maps),
      traffic: readTrafficOf(maps, '10.5.11.0/24'),
      irregular: readTrafficOf(maps, '10.5.64.0/20'),
      endpoint: read(maps.endpoints, place).toString('hex'),
    };
  }

  const inPin = <T>(generation: string, map: string, use: (map: OpenMap) => T): T =>
    withPinned(`${member.pins.generation(generation)}/${map}`, (fd) => use(openMapOf(fd)));

  it('that is later, and back: counters, peers and MACs are kept, and nothing is written', async () => {
    using variant = compileVariant(LATER);
    await live();
    const before = await holdings();
    assert(before.counters.drop_no_peer > 0 || before.counters.answer_unreachable > 0);
    const generation = await becomeVersion(host, desired, variant, 2048);

    for (const [map, grown] of [
      ['settings_map', 12],
      ['peers', 4],
      ['peers_lpm', 4],
      ['peer_counters', 8],
    ] as const)
      inPin(generation, map, ({ valueSize }) =>
        assert.equal(valueSize, mapLayouts[map].valueSize + grown, map),
      );
    inPin(generation, 'counters', (counters) => {
      assert.equal(counters.maxEntries, mapLayouts.counters.maxEntries + 1);
      const last = read(counters, keyOf(counters.maxEntries - 1));
      assert.deepEqual(last, Buffer.alloc(last.length), 'the new one begins at 0');
    });
    inPin(generation, 'peers_lpm', ({ maxEntries }) => assert.equal(maxEntries, 2048));
    await waitForPing(host, '10.5.11.0');
    assert.equal(await ping(host, '10.5.200.1'), 0);

    const ops = await member.converge(desired);
    assert.deepEqual(
      ops.map(({ op }) => op),
      ['bpf.load', ...Array(3).fill('bpf.attach'), 'bpf.unload'],
    );
    await waitForPing(host, '10.5.11.0');
    const after = await holdings();
    assert.equal(after.endpoint, before.endpoint);
    assert((after.traffic?.sent_packets ?? 0) > (before.traffic?.sent_packets ?? 0));
    const rose = Object.entries(after.counters).filter(
      ([name, count]) => count < before.counters[name as keyof typeof before.counters],
    );
    assert.deepEqual(rose, [], 'no counter falls');
    assert(
      after.counters.answer_unreachable > before.counters.answer_unreachable,
      'what the later version counted is there as well',
    );
  });

  it('with tables of endpoints of another size: each is found at its new place', async () => {
    using variant = compileVariant([
      ['#define ENDPOINT_PLACES 4096', '#define ENDPOINT_PLACES 1024'],
    ]);
    await live();
    const before = await holdings();
    const generation = await becomeVersion(host, desired, variant);
    const moved = inPin(generation, 'endpoints', (map) => {
      assert.equal(map.maxEntries, 1024);
      return read(map, keyOf(parseIpv4(ENDPOINT.address) % 1024)).toString('hex');
    });
    assert.equal(moved, before.endpoint);
    await member.converge(desired);
    assert.equal((await holdings()).endpoint, before.endpoint);
  });

  it('with the same maps: they are the same maps', async () => {
    using variant = compileVariant([['#define OUTER_TTL 64', '#define OUTER_TTL 63']]);
    await live();
    const [own] = (await member.observe()).generations.keys();
    const idOf = (generation: string, map: string) => inPin(generation, map, ({ id }) => id);
    const before = Object.fromEntries(
      Object.keys(mapLayouts).map((map) => [map, idOf(`${own}`, map)]),
    );
    const generation = await becomeVersion(host, desired, variant);
    for (const map of Object.keys(mapLayouts))
      assert.equal(idOf(generation, map) === before[map], map !== 'settings_map', map);
    await member.converge(desired);
  });

  it('whose maps cannot be read: all is written anew', async () => {
    using variant = compileVariant([
      [
        '	__type(key, __be32);\n	__type(value, struct source);',
        '	__type(key, __u64);\n	__type(value, struct source);',
      ],
      [
        'source = bpf_map_lookup_elem(&sources, &outer);',
        '__u64 wide = outer;\n	source = bpf_map_lookup_elem(&sources, &wide);',
      ],
    ]);
    await live();
    await becomeVersion(host, desired, variant);
    const ops = await member.converge(desired);
    assert.deepEqual(
      ops.map(({ op }) => op).filter((op) => op.endsWith('.write')),
      ['settings.write', 'peers.write'],
    );
    await waitForPing(host, '10.5.11.0');
  });

  it('another range of subnets: each peer’s traffic goes where its subnet is', async () => {
    await live();
    const before = await holdings();
    const config = { ...CONFIG, SubnetMin: '10.5.4.0', SubnetMax: '10.5.60.0' };
    const peers = [ownLease(lab.host('b')), ...somePeers];
    const wish = desiredOf(host, { config, peers });
    await member.converge(wish);
    const after = await holdings();
    assert((after.traffic?.sent_packets ?? 0) >= (before.traffic?.sent_packets ?? 1));
    assert.deepEqual(after.counters, before.counters);
    await waitForPing(host, '10.5.11.0');
    await member.converge(desired);
    assert((await holdings()).traffic?.sent_packets ?? 0 > (before.traffic?.sent_packets ?? 0));
  });

  it('whose settings differ: the tunnel is not closed for a moment', async () => {
    await live();
    using variant = compileVariant([['#define OUTER_TTL 64', '#define OUTER_TTL 63']]);
    const wish = withSettings(desired, { mtu: 1400 });
    const other = memberAt(host, { vxlan: variant });
    for (const op of await other.plan(wish)) {
      await other.apply(op);
      assert.equal(await ping(host, '10.5.11.0'), 1, op.op);
    }
    assert.equal((await holdings()).counters.drop_closed, 0);
    await member.converge(desired);
  });
});

function read({ fd, type, valueSize }: OpenMap, key: Buffer): Buffer {
  const value = Buffer.alloc(
    type === 6 ? Math.ceil(valueSize / 8) * 8 * possibleCpus() : valueSize,
  );
  assert(lookupElement(fd, key, value));
  return value;
}

function keyOf(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
}
