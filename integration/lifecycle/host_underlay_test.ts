/** Which interface and address carry the tunnel, while `watch` runs and they change. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { joinAll, type Lab } from '../../lab/lab.ts';
import { waitForLinks } from '../../lab/links.ts';
import { namespaceOf } from '../../lab/names.ts';
import type { LabOptions } from '../../lab/options.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { GATEWAY, moveTo, startHourly } from './host_changes.ts';
import { hostsOf, labPerTest, lacks, storedLeases } from './support.ts';
import type { Watching } from './watching.ts';

const LIMIT_MS = 2000 * PATIENCE;

describe('the underlay of a running watch', () => {
  const makeLab = labPerTest('hostunderlay');
  let watches: Watching[] = [];
  afterEach(async () => {
    for (const { running } of watches.splice(0)) await running.stop();
  });

  async function begin(options: Partial<LabOptions>, ...args: readonly string[]) {
    const lab = await makeLab({ hosts: 2, pods: 1, ...options });
    const [a, b] = hostsOf(lab);
    await joinAll(lab);
    watches = [await startHourly(a, ...args), await startHourly(b)];
    const [watching, peer] = watches as [Watching, Watching];
    const [from, to] = [a.pods[0], b.pods[0]];
    assert(from && to);
    const traffic = async () => {
      await waitForPing(from, to.address);
      await waitForPing(to, from.address);
    };
    await traffic();
    return { lab, a, b, watching, peer, traffic };
  }

  async function within(
    watching: Watching,
    type: 'renewed' | 'error' | 'reconciled',
    act: () => Promise<unknown>,
  ) {
    const seen = watching.events().length;
    await act();
    const doneAt = Date.now();
    const event = await watching.event(type, seen);
    const late = Date.parse(event.time) - doneAt;
    assert(late < LIMIT_MS, `${type} after ${late} ms`);
    return event;
  }

  /** A second interface of host a, on a layer 2 of its own that the fabric routes to. */
  async function addSecond(lab: Lab, a: Host): Promise<void> {
    await lab.node('fabric').shell(`
      ip link add second type veth peer name eth1 netns ${namespaceOf(lab.name, 'a')}
      ip address add 192.168.78.254/24 dev second
      ip link set second up
      echo 1 >/proc/sys/net/ipv4/ip_forward`);
    await a.shell('ip address add 192.168.78.10/24 dev eth1; ip link set eth1 up');
    await waitForLinks(a, ['eth1']);
  }

  for (const [mode, kernelHosts] of [
    ['by the programs', []],
    ['in kernel mode', ['a', 'b']],
  ] as const) {
    it(`goes where the default route goes, ${mode}, and stays while it still has one`, async () => {
      const { lab, a, watching, peer, traffic } = await begin({ kernelHosts });
      await addSecond(lab, a);

      // Another one that is preferred is no reason to move.
      const seen = watching.events().length;
      await a.shell(`ip route add default via ${GATEWAY} dev eth0 metric 100
        ip route delete default via ${GATEWAY} dev eth0 metric 0
        ip route add default via 192.168.78.254 dev eth1 metric 50`);
      await within(watching, 'reconciled', () => a.shell('ip link delete flannel.1'));
      await traffic();
      const told = watching.events().slice(seen);
      assert.deepEqual(new Set(told.map(({ type }) => type)), new Set(['reconciled']));
      const moved = await within(watching, 'renewed', () =>
        a.shell(`ip route delete default via ${GATEWAY} dev eth0 metric 100`),
      );
      assert.equal(moved.publicIp, '192.168.78.10');
      const types = watching
        .events()
        .slice(seen)
        .map(({ type }) => type);
      assert.equal(types.filter((type) => type === 'renewed').length, 1, types.join());
      await waitFor('the peer knows', () =>
        peer.events().some(({ publicIp }) => publicIp === '192.168.78.10'),
      );
      await traffic();

      const back = await within(watching, 'renewed', () =>
        a.shell(`ip route add default via ${GATEWAY} dev eth0 metric 100
          ip link set eth1 down`),
      );
      assert.equal(back.publicIp, a.address);
      await traffic();
    });
  }

  it('stays where it is while there is no default route at all, and says so', async () => {
    const { a, watching, traffic } = await begin({});
    const told = await within(watching, 'error', () => a.shell('ip route delete default'));
    assert.match(told.message ?? '', /no default route.*eth0/);
    await traffic();
    // It goes on with its work.
    await within(watching, 'reconciled', () => a.shell('ip link delete flannel.1'));
    await traffic();
    const mended = await within(watching, 'reconciled', () =>
      a.shell(`ip route add default via ${GATEWAY}`),
    );
    assert.match(mended.message ?? '', /no longer: there is no default route/);
  });

  it('with --public-ip another address of the interface changes no lease', async () => {
    const { lab, a, b, watching } = await begin({}, '--public-ip', '192.168.77.10');
    const before = await storedLeases(lab);
    const told = await within(watching, 'reconciled', () => moveTo(a, '192.168.77.60'));
    assert.match(told.message ?? '', /settings\.write/);
    assert.deepEqual(await storedLeases(lab), before);
    assert.equal(b.address, '192.168.77.11');
  });

  it('another address, with etcd: the lease follows at once, though its connection hangs', {
    skip: lacks('etcd', 'etcdctl'),
  }, async () => {
    const { a, watching, peer, traffic } = await begin({ store: 'etcd' });
    for (const address of ['192.168.77.60', a.address]) {
      const [seen, told] = [peer.events().length, watching.events().length];
      const renewed = await within(watching, 'renewed', () => moveTo(a, address));
      assert.equal(renewed.publicIp, address);
      assert.equal((await peer.event('changed', seen)).publicIp, address);
      // By itself, the watch on the store would notice the old connection's end after some 10 s.
      await waitFor(
        'the store tells all anew',
        () =>
          watching
            .events()
            .slice(told)
            .some(({ type }) => type === 'synced'),
        { limitSeconds: 3 },
      );
      await traffic();
    }
    const types = watching.events().map(({ type }) => type);
    assert(!types.includes('lost'), types.join());
  });
});
