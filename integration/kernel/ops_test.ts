/** What each op does to the kernel is what the plan takes it to do. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab } from '../../lab/lab.ts';
import { readSources, removeSource, writeSources } from '../../src/bpf/source_map.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import type { PairLink } from '../../src/plan/links.ts';
import type { Op } from '../../src/plan/op.ts';
import { type DesiredState, nothing } from '../../src/plan/state.ts';
import { apply } from '../../test/plan/model.ts';
import type { Host as Model } from '../../test/plan/model_host.ts';
import { type Fingerprint, fingerprint } from '../lifecycle/fingerprint.ts';
import { type Member, memberAt } from './member.ts';
import { hasTun, missing } from './requirements.ts';
import { CONFIG, DEVICE, desiredOf, leaseOf, somePeers } from './samples.ts';
import { sorted } from './sorted.ts';

const skip = missing() || (hasTun() ? false : 'needs /dev/net/tun');

describe('every op', { skip }, () => {
  let lab: Lab;
  let member: Member;
  let bare: Fingerprint;
  const seen = new Set<Op['op']>();
  before(async () => {
    lab = await createLab({ name: 'kernelops', hosts: 1, pods: 0 });
    member = memberAt(lab.host('a'));
    bare = fingerprint(lab.host('a'));
  });
  after(() => lab?.destroy());

  /** Takes the steps one by one; after each, the kernel must show the model's state. */
  async function follow(desired: DesiredState): Promise<void> {
    const found = await member.observe();
    let expected: Model = { ...found, interfaces: ['eth0'], table: found.routes };
    for (const op of await member.plan(desired)) {
      expected = apply(expected, op);
      await member.apply(op);
      assert.deepEqual(sorted(await member.observe()), sorted(expected), JSON.stringify(op));
      seen.add(op.op);
    }
    assert.deepEqual(await member.plan(desired), []);
  }

  it('from nothing', async () => {
    const desired = desiredOf(lab.host('a'));
    await follow(desired);
    const { links, addresses, routes, generations, attachments } = await member.observe();
    assert.deepEqual(sorted({ links, addresses, routes }), {
      links: desired.links,
      addresses: desired.addresses,
      routes: sorted(desired).routes,
    });
    const [[name, generation] = assert.fail()] = generations;
    assert.deepEqual(generation?.settings, desired.dataplane?.settings);
    assert.deepEqual(generation?.peers, desired.dataplane?.peers);
    assert.deepEqual(
      sorted({ attachments }).attachments,
      sorted({
        attachments: (desired.dataplane?.attachments ?? []).map((one) => ({
          ...one,
          generation: name,
        })),
      }).attachments,
    );
  });

  it('to another subnet, MAC, MTU, range, VNI, and other peers', async () => {
    const host = lab.host('a');
    await host.shell(`bridge vni delete dev ${DEVICE} vni 1; bridge vni add dev ${DEVICE} vni 7`);
    await follow(
      desiredOf(host, {
        config: { ...CONFIG, SubnetMin: '10.5.3.0', SubnetMax: '10.5.99.0' },
        own: leaseOf('10.5.20.0/24', host.address, '02:00:00:00:00:aa'),
        peers: [leaseOf('10.5.7.0/24', '192.168.77.117'), leaseOf('10.6.0.0/16', '192.168.77.99')],
        underlay: { mtu: 1400 },
      }),
    );
  });

  it('from addresses of nobody, and without those of the peers', async () => {
    const desired = desiredOf(lab.host('a'));
    await member.converge(desired);
    {
      using maps = await member.openMaps();
      const [own] = readSources(maps);
      assert(own);
      removeSource(maps, own.address);
      writeSources(maps, [{ address: parseIpv4('192.168.77.250'), slot: 3 }]);
    }
    await follow(desired);
  });

  it('to other peers alone', async () => {
    const host = lab.host('a');
    const peers = [leaseOf('10.5.30.0/24', '192.168.77.130')];
    await follow(desiredOf(host));
    await follow(desiredOf(host, { peers: [...peers, ...somePeers.slice(1)] }));
    await follow(desiredOf(host, { peers: [] }));
  });

  it('to endpoints, and to none', async () => {
    const desired = desiredOf(lab.host('a'), { peers: [] });
    const { dataplane } = desired;
    assert(dataplane !== null);
    const endpoint = {
      address: '10.5.10.7',
      device: 'eth0',
      gatewayMac: '02:00:00:00:00:99',
    };
    const endpoints = new Map([[endpoint.address, endpoint]]);
    await follow({ ...desired, dataplane: { ...dataplane, endpoints } });
    await follow(desired);
  });

  it('to another port, which takes another device', async () => {
    await follow(
      desiredOf(lab.host('a'), { config: { ...CONFIG, Backend: { Type: 'vxlan', Port: 4789 } } }),
    );
  });

  it('to another VNI, which has another name', async () => {
    await follow(
      desiredOf(lab.host('a'), {
        config: { ...CONFIG, Backend: { Type: 'vxlan', VNI: 5 } },
        peers: [],
      }),
    );
  });

  it('to kernel mode, to other peers there, and to another MAC and MTU', async () => {
    const host = lab.host('a');
    const mode = 'kernel';
    await follow(desiredOf(host, { mode }));
    const moved = leaseOf('10.5.7.0/24', '192.168.77.117', '02:00:c0:a8:4d:6b');
    const renamed = leaseOf('10.5.8.0/24', '192.168.77.108', '02:00:00:00:00:08');
    await follow(desiredOf(host, { mode, peers: [moved, renamed] }));
    await follow(
      desiredOf(host, {
        mode,
        own: leaseOf('10.5.20.0/24', host.address, '02:00:00:00:00:aa'),
        underlay: { mtu: 1400 },
      }),
    );
    await host.shell(`ip link set ${DEVICE} down; ip link set ${DEVICE} up`);
    await follow(desiredOf(host, { mode }));
  });

  it('to kernel mode on another address and port, and without peers', async () => {
    const host = lab.host('a');
    const config = { ...CONFIG, Backend: { Type: 'vxlan', Port: 4789 } };
    await follow(desiredOf(host, { mode: 'kernel', config }));
    await follow(desiredOf(host, { mode: 'kernel', config, peers: [] }));
  });

  it('and back to the programs', async () => {
    await follow(desiredOf(lab.host('a')));
  });

  it('to a pair of devices with an nft table, to others, and to a TUN', async () => {
    const wish = { ...nothing, network: '10.5.0.0/16' };
    const pair: PairLink = {
      ...{ name: 'flannel0', kind: 'pair', far: 'flannel0.far', mac: '02:00:00:00:00:77' },
      ...{ mtu: 1472, tuned: true, up: true },
    };
    const filter = 'chain input {\ntype filter hook input priority raw\nudp dport 9 drop\n}';
    await follow({ ...wish, links: [pair], filter });
    const changed = { ...pair, mac: '02:00:00:00:00:78', mtu: 1400 };
    await follow({ ...wish, links: [changed], filter: filter.replace('9', '10') });
    await follow({ ...wish, links: [changed] });
    await lab.host('a').exec(['ethtool', '-K', 'flannel0', 'tso', 'on', 'gro', 'off']);
    await follow({ ...wish, links: [changed] });
    await lab.host('a').exec(['ip', 'link', 'set', 'flannel0.far', 'down', 'mtu', '1500']);
    await follow({ ...wish, links: [changed] });
    await follow({ ...wish, links: [{ name: 'flannel0', kind: 'tun', mtu: 1472, up: true }] });
  });

  it('to a blackhole behind the own subnet, to that of another, and to none', async () => {
    const desired = desiredOf(lab.host('a'));
    const hole = (destination: string) => ({
      ...desired,
      routes: [
        ...desired.routes,
        { destination, via: '', device: '', onlink: true, blackhole: true } as const,
      ],
    });
    await follow(hole('10.5.52.0/24'));
    await follow(hole('10.5.53.0/24'));
    await follow(desired);
  });

  it('to routes by the underlay, and to others', async () => {
    const { address, device } = lab.host('a');
    const near = address.replace(/\d+$/, '');
    const routeVia = (host: number) => ({
      ...{ destination: '10.5.20.0/24', via: `${near}${host}`, device, onlink: false },
    });
    const wish = { ...nothing, network: '10.5.0.0/16' };
    await follow({ ...wish, routes: [routeVia(11)] });
    await follow({ ...wish, routes: [routeVia(12)] });
    await follow(wish);
  });

  it('to direct peers, and back into the tunnel, by the programs and in kernel mode', async () => {
    const host = lab.host('a');
    const config = { ...CONFIG, Backend: { Type: 'vxlan', DirectRouting: true } };
    const connected = { via: null, device: host.device, metric: 0 };
    const single = (octet: number) => ({
      ...connected,
      destination: host.address.replace(/\d+$/, `${octet}/32`),
    });
    for (const mode of ['bpf', 'kernel'] as const) {
      for (const routes of [[], [single(107), single(109)], [single(109)], [single(108)], []])
        await follow(desiredOf(host, { mode, config, routes }));
    }
    await follow(desiredOf(host, { config, routes: [single(107), single(108)] }));
  });

  it('to nothing: the host is as it was', async () => {
    await follow({ ...nothing, network: CONFIG.Network });
    assert.deepEqual(
      await member.clear(),
      [],
      'what is left is no state: pins of links without device',
    );
    assert.deepEqual(fingerprint(lab.host('a')), bare);
  });

  it('all of them were seen', () => {
    // FOU, which few kernels have, is followed in integration/udp, and rules of iptables in integration/forward.
    const all: Record<Exclude<Op['op'], `${'fou' | 'forward'}.${string}`>, true> = {
      'link.add': true,
      'link.remove': true,
      'link.set': true,
      'vni.add': true,
      'vni.remove': true,
      'address.add': true,
      'address.remove': true,
      'routes.add': true,
      'routes.replace': true,
      'routes.remove': true,
      'filter.write': true,
      'filter.remove': true,
      'neighbors.write': true,
      'neighbors.remove': true,
      'fdb.write': true,
      'fdb.remove': true,
      'bpf.load': true,
      'traffic.copy': true,
      'bpf.unload': true,
      'bpf.attach': true,
      'bpf.detach': true,
      'settings.write': true,
      'peers.write': true,
      'peers.remove': true,
      'sources.settle': true,
      'endpoints.write': true,
      'endpoints.remove': true,
    };
    assert.deepEqual([...seen].sort(), Object.keys(all).sort());
  });
});
