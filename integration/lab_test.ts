import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  addFlannelDevice,
  addFlannelPeer,
  flannelByHand,
  native,
  removeFlannelPeer,
} from '../lab/baseline.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import type { LabOptions } from '../lab/options.ts';
import { attachPods, type Pod } from '../lab/pod.ts';
import { ping, pingMatrix, tcpThroughput } from '../lab/traffic.ts';
import { largestFrame } from './lab_capture.ts';

const UNDERLAYS: readonly Omit<LabOptions, 'name'>[] = [
  { underlay: 'flat' },
  { underlay: 'flat', hosts: 5, mtu: 9000 },
  { underlay: 'routed' },
  { underlay: 'routed', mtu: 9000, pathMtu: 1400 },
  { underlay: 'pair' },
  { underlay: 'pair', wire: true },
  { underlay: 'routed', wire: true },
];

function podsOf(lab: Lab): Pod[] {
  return lab.hosts.flatMap((host) => host.pods);
}

function allTrue(size: number): boolean[][] {
  return Array.from({ length: size }, () => Array<boolean>(size).fill(true));
}

describe('underlays', () => {
  for (const options of UNDERLAYS) {
    it(`${JSON.stringify(options)}: hosts reach each other, natively routed pods and flannel's too`, async () => {
      for (const build of [native, flannelByHand]) {
        await using lab = await createLab({ name: 'labtest', ...options });
        for (const from of lab.hosts) {
          for (const to of lab.hosts)
            assert.equal(await ping(from, to.address), 1, `${from.name} → ${to.name}`);
        }
        await build(lab);
        assert.deepEqual(await pingMatrix(podsOf(lab)), allTrue(lab.hosts.length), build.name);
      }
    });
  }

  it('has no device and no address in the machine’s own namespace', async () => {
    const before = readFileSync('/proc/net/dev', 'utf8').match(/^\s*\S+:/gm);
    await using lab = await createLab({ name: 'labtest', underlay: 'routed' });
    await native(lab);
    assert.deepEqual(readFileSync('/proc/net/dev', 'utf8').match(/^\s*\S+:/gm), before);
  });
});

describe('MTU', () => {
  it('the hosts’ own MTU passes and one byte more does not', async () => {
    await using lab = await createLab({ name: 'labtest', mtu: 9000, hosts: 2 });
    const [a, b] = lab.hosts;
    assert(a && b);
    assert.equal(await ping(a, b.address, { size: 9000 - 28, dontFragment: true }), 1);
    assert.equal(await ping(a, b.address, { size: 9000 - 27, dontFragment: true }), 0);
  });

  it('a hop of 1400 in between: larger packets pass in fragments only', async () => {
    await using lab = await createLab({ name: 'labtest', underlay: 'routed', pathMtu: 1400 });
    const [a, b, c] = lab.hosts;
    assert(a && b && c);
    assert.equal(await ping(a, b.address, { size: 1400 - 28, dontFragment: true }), 1);
    assert.equal(
      await ping(a, b.address, { size: 1500 - 28, dontFragment: false }),
      1,
      'in fragments',
    );
    assert.equal(await ping(a, b.address, { size: 1400 - 27, dontFragment: true, count: 2 }), 0);
    assert.equal(
      await ping(a, c.address, { size: 1500 - 28, dontFragment: true }),
      1,
      'behind the same router',
    );
  });
});

describe('wire mode', () => {
  for (const build of [native, flannelByHand]) {
    it(`${build.name}: no frame on the underlay is larger than its MTU; without it, many are`, async () => {
      for (const wire of [true, false]) {
        await using lab = await createLab({ name: 'labtest', underlay: 'pair', wire });
        await build(lab);
        const [from, to] = podsOf(lab);
        const [host] = lab.hosts;
        assert(from && to && host);
        const largest = await largestFrame(host, async () => {
          await tcpThroughput(from, to, { seconds: 1 });
        });
        const limit = lab.options.mtu + 14;
        assert(
          wire ? largest === limit : largest > limit,
          `wire ${wire}: largest frame ${largest}`,
        );
      }
    });
  }
});

describe('pods', () => {
  it('several on one host share a bridge, and can be attached again', async () => {
    await using lab = await createLab({ name: 'labtest', hosts: 1, pods: 3 });
    const [host] = lab.hosts;
    assert(host);
    for (const gateway of ['10.5.8.1/24', '10.5.9.1/24']) {
      await attachPods(host, { gateway, mtu: 1450 });
      assert.deepEqual(await pingMatrix(host.pods), allTrue(3));
      assert(host.pods[2]);
      assert.equal(await ping(host.pods[2], gateway.replace('/24', '')), 1);
    }
  });
});

describe("flannel's entries", () => {
  it('traffic ends when a peer is removed', async () => {
    await using lab = await createLab({ name: 'labtest', underlay: 'pair' });
    const [a, b] = lab.hosts;
    assert(a && b);
    const peers = await Promise.all(
      lab.hosts.map((host, index) =>
        addFlannelDevice(host, { subnet: `10.5.${index + 4}.0/24`, mtu: 1450 }),
      ),
    );
    const [peerA, peerB] = peers;
    assert(peerA && peerB);
    await addFlannelPeer(a, peerB);
    await addFlannelPeer(b, peerA);
    const fromA = () => ping(a, '10.5.5.0');
    assert.equal(await fromA(), 1);
    await removeFlannelPeer(a, peerB);
    assert.equal(await fromA(), 0);
  });
});
