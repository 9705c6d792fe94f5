/** host-gw's routes: exactly one a peer, whatever others do to them. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, joinAll, type Lab } from '../../lab/lab.ts';
import { mostTelling } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { missing } from '../dataplane/requirements.ts';
import { fingerprint } from '../lifecycle/fingerprint.ts';
import { hostsOf, join, teardown } from '../lifecycle/support.ts';
import { startWatch } from '../lifecycle/watching.ts';
import { HOST_GW, moveLease, neighborOf, ownRoutes, routesTo, startTraffic } from './support.ts';

const skip = await missing();

describe('the routes of host-gw', { skip }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  let subnet: string;
  beforeEach(async () => {
    lab = await createLab({ name: 'gwroutes', hosts: 2 });
    await joinAll(lab, HOST_GW);
    [a, b] = hostsOf(lab);
    ({ subnet } = await join(b));
  });
  afterEach(() => lab.destroy());

  const gateways = async () => (await routesTo(a, subnet)).map(({ gateway }) => gateway);

  it("a peer's gateway changes: one route is left, and no packet is lost", async () => {
    const [[from], [to]] = [a.pods, b.pods];
    assert(from && to);
    await waitForPing(from, to.address);
    const other = neighborOf(b, 111);
    await b.shell(`ip address add ${other}/24 dev ${b.device}`);
    await using _ = await startWatch(a);
    const traffic = await startTraffic(from, to);
    for (const address of [other, b.address]) {
      await moveLease(lab, subnet, address);
      await waitFor('the route is another', async () => (await gateways()).includes(address));
      assert.deepEqual(await gateways(), [address]);
      await traffic.goesOn();
    }
    await traffic.end();
  });

  it('a foreign route that was there first gives way, and join says so', async () => {
    const strange = neighborOf(a, 99);
    await teardown(a, '--keep-lease');
    await a.shell(`ip route add ${subnet} via ${strange}`);
    const { stdout, stderr, code } = await a.tartan(['join']);
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).peers, 1);
    assert.match(
      stderr,
      new RegExp(`${subnet} via ${strange} dev eth0 .*gives way.* via ${b.address}`),
    );
    assert.deepEqual(await gateways(), [b.address]);
    assert.equal((await join(a)).changed, false);
    await teardown(a);
    assert.deepEqual(await ownRoutes(a), []);
    assert.deepEqual(await gateways(), []);
  });

  it('one of higher metric stays, behind ours', async () => {
    const strange = neighborOf(a, 99);
    await a.shell(`ip route add ${subnet} via ${strange} metric 50`);
    assert.equal((await join(a)).changed, false);
    assert.deepEqual(await gateways(), [b.address, strange]);
    await teardown(a);
    assert.deepEqual(await gateways(), [strange]);
  });

  for (const how of mostTelling(['replace', 'prepend', 'append'] as const)) {
    it(`one that comes later by "ip route ${how}" is not in force for long`, async () => {
      const strange = neighborOf(a, 99);
      const seen = how === 'append' ? [b.address, strange] : [b.address];
      await using watching = await startWatch(a);
      await a.shell(`ip route ${how} ${subnet} via ${strange}`);
      await waitFor('ours is in force', async () => (await gateways())[0] === b.address);
      assert.deepEqual(await gateways(), seen);
      if (how !== 'append') await watching.event('reconciled');
      await watching.running.stop();
      // The same without a process that watches.
      if (how !== 'append') {
        await a.shell(`ip route ${how} ${subnet} via ${strange}`);
        const { stdout, stderr } = await a.tartan(['join']);
        assert.equal(JSON.parse(stdout).changed, true);
        assert.match(stderr, /gives way/);
        assert.deepEqual(await gateways(), [b.address]);
      }
      await teardown(a);
      assert.deepEqual(await ownRoutes(a), []);
    });
  }

  it('come back after the interface was down and up, and after they were flushed', async () => {
    await using watching = await startWatch(a, ['--iface', a.device]);
    for (const damage of [
      `ip link set ${a.device} down; ip link set ${a.device} up`,
      'ip route flush proto 116',
    ]) {
      const seen = watching.events().length;
      await a.shell(damage);
      await watching.event('reconciled', seen);
      await waitFor('the route is back', async () => (await gateways()).includes(b.address));
      assert.deepEqual(await gateways(), [b.address]);
    }
  });

  it('the network gets another range: the routes of the old one go', async () => {
    const config = JSON.stringify({ ...HOST_GW, Network: '10.8.0.0/16' });
    await a.tartan(['init-config', '--force', '-'], { input: config });
    const moved = JSON.parse((await b.tartan(['join'])).stdout);
    await a.tartan(['join']);
    assert.deepEqual(await ownRoutes(a), [`${moved.subnet} via ${b.address}`]);
    assert.equal((await join(a)).changed, false);
    await teardown(a);
    assert.deepEqual(await ownRoutes(a), []);
  });

  it('a host that moves to vxlan and back leaves nothing behind', async () => {
    await teardown(a);
    const untouched = fingerprint(a);
    const types = ['host-gw', 'vxlan', 'host-gw', 'vxlan', 'host-gw'];
    for (const Type of types) {
      const config = JSON.stringify({ ...HOST_GW, Backend: { Type } });
      await a.tartan(['init-config', '--force', '-'], { input: config });
      await join(b);
      const report = JSON.parse((await a.tartan(['join'])).stdout);
      assert.deepEqual([report.backend, report.changed, report.peers], [Type, true, 1]);
      await join(b);
      assert.equal((await join(a)).changed, false);
      const { links, pins, attached } = fingerprint(a);
      assert.equal(
        links.some(({ ifname }) => ifname === 'flannel.1'),
        Type === 'vxlan',
      );
      if (Type === 'host-gw') {
        assert.deepEqual([pins, attached], [untouched.pins, untouched.attached]);
        assert.deepEqual(await ownRoutes(a), [`${subnet} via ${b.address}`]);
      } else {
        assert.deepEqual(await routesTo(a, subnet), []);
      }
    }
    await teardown(a);
    assert.deepEqual(fingerprint(a), untouched);
  });
});
