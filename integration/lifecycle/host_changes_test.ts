/** What happens to a host while `watch` runs: news alone can tell it, for the next look by the clock is an hour away. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, joinAll, type Lab } from '../../lab/lab.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import type { WatchEvent } from '../../src/agent/events.ts';
import { type Carrier, isFast } from '../carriers/contract.ts';
import { HOST_GW, HOST_GW_FAST } from '../carriers/host_gw.ts';
import { UDP } from '../carriers/udp.ts';
import { VXLAN, VXLAN_FAST, VXLAN_KERNEL } from '../carriers/vxlan.ts';
import { describeMember, type Member, makeEndpoints } from '../dataplane/network.ts';
import { CHANGES, moveTo, type Scene, startHourly } from './host_changes.ts';
import { hostsOf, storedLeases } from './support.ts';
import type { Watching } from './watching.ts';

const LIMIT_SECONDS = 2;

const CARRIERS: readonly Carrier[] = [VXLAN, VXLAN_FAST, VXLAN_KERNEL, UDP, HOST_GW, HOST_GW_FAST];

for (const carrier of CARRIERS) {
  describe(`changes of a host, ${carrier.name}`, () => {
    let lab: Lab;
    let a: Host;
    let members: Member[];
    let watching: Watching;
    let peer: Watching;
    let scene: Scene;
    before(async () => {
      lab = await createLab({
        name: 'hostchanges',
        hosts: 2,
        ...(carrier.mode === 'kernel' && { kernelHosts: ['a', 'b'] }),
      });
      const [first, second] = hostsOf(lab);
      a = first;
      await joinAll(lab, carrier.config);
      if (isFast(carrier)) await Promise.all(lab.hosts.map(makeEndpoints));
      members = await Promise.all(lab.hosts.map((host) => describeMember(host, carrier)));
      scene = { lab, carrier, a, peerSubnet: members[1]?.subnet ?? '' };
      [watching, peer] = await Promise.all([startHourly(a), startHourly(second)]);
      await waitForTraffic();
    });
    after(async () => {
      await watching?.running.stop();
      await peer?.running.stop();
      await lab?.destroy();
    });

    async function waitForTraffic(): Promise<void> {
      const [from, to] = members.map(({ pod }) => pod);
      assert(from && to);
      await waitForPing(from, to.address);
      await waitForPing(to, from.address);
    }

    /** Does it, and waits for what `watch` says of it; as soon as it shall. */
    async function expectEvent(type: WatchEvent['type'], act: () => Promise<unknown>) {
      const seen = watching.events().length;
      await act();
      const doneAt = Date.now();
      const event = await watching.event(type, seen);
      const late = Date.parse(event.time) - doneAt;
      assert(late < LIMIT_SECONDS * 1000 * PATIENCE, `${type} after ${late} ms`);
      return event;
    }

    for (const { name, isFor, trouble, happens, mended, undo } of CHANGES) {
      if (!isFor(carrier)) continue;
      it(name, async () => {
        if (trouble !== undefined) {
          const { message } = await expectEvent('error', () => trouble.is(scene));
          assert.match(message ?? '', trouble.says);
        }
        const seen = watching.events().length;
        const { message } = await expectEvent('reconciled', () => happens(scene));
        assert(message, 'says what was done');
        await waitFor('it is mended', () => mended?.(scene) ?? true, {
          limitSeconds: LIMIT_SECONDS,
        });
        await waitForTraffic();
        const types = watching
          .events()
          .slice(seen)
          .map(({ type }) => type);
        assert(!types.includes('renewed') && !types.includes('lost'), types.join());
        if (undo !== undefined) await expectEvent('reconciled', () => undo(scene));
      });
    }

    it('the underlay has another address: the lease follows, and the peers', async () => {
      for (const address of ['192.168.77.60', a.address]) {
        const seen = peer.events().length;
        const renewed = await expectEvent('renewed', () => moveTo(a, address));
        assert.equal(renewed.publicIp, address);
        const changed = await peer.event('changed', seen);
        assert.equal(changed.publicIp, address);
        assert.equal(changed.subnet, members[0]?.subnet);
        assert.deepEqual((await storedLeases(lab)).map(({ publicIp }) => publicIp).toSorted(), [
          ...[members[1]?.host.address, address].toSorted(),
        ]);
        await waitForTraffic();
      }
    });

    it('is in step at the end: a join has nothing to do', async () => {
      await watching.running.stop();
      await peer.running.stop();
      for (const member of members) await describeMember(member.host, carrier);
      const [from, to] = members.map(({ pod }) => pod);
      assert(from && to);
      assert.equal(await ping(from, to.address), 1);
    });
  });
}
