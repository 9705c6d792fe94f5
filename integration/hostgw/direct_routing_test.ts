/** vxlan's DirectRouting: peers on the underlay's layer 2 go without the tunnel, as long as they are there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab, joinAll } from '../../lab/lab.ts';
import { mostTelling } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { readPeers } from '../../src/bpf/peer_maps.ts';
import { openMapsOf } from '../dataplane/meter.ts';
import { join, makeEndpoints } from '../dataplane/network.ts';
import { missing } from '../dataplane/requirements.ts';
import { teardown } from '../lifecycle/support.ts';
import { startWatch } from '../lifecycle/watching.ts';
import { isTunnelled, ownRoutes, routesTo, startTraffic } from './support.ts';

const skip = await missing('tcpdump');

const configOf = (backend: object) => ({
  Network: '10.5.0.0/16',
  Backend: { Type: 'vxlan', DirectRouting: true, ...backend },
});

/** The machine that has the hosts' bridge, made a router. */
const GATEWAY = '192.168.77.254';

const MODES = {
  fastpath: { config: configOf({ FastPath: true }), kernelHosts: [] },
  default: { config: configOf({}), kernelHosts: [] },
  kernel: { config: configOf({}), kernelHosts: ['a', 'b'] },
};

describe('DirectRouting', { skip }, () => {
  for (const [mode, { config, kernelHosts }] of mostTelling(Object.entries(MODES))) {
    it(`in ${mode} mode follows the route to the peer, and nothing is lost`, async () => {
      await using lab = await createLab({ name: `direct${mode}`, hosts: 2, kernelHosts });
      await joinAll(lab, config);
      const [a, b] = [lab.host('a'), lab.host('b')];
      const [[from], [to]] = [a.pods, b.pods];
      assert(from && to);
      if (mode === 'fastpath') for (const host of [a, b]) await makeEndpoints(host);
      assert.equal((await join(a)).mode, mode);
      const { subnet } = await join(b);
      const detour = `${b.address}/32 via ${GATEWAY}`;
      await lab
        .node('fabric')
        .shell(
          'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.br0.send_redirects=0',
        );
      await Promise.all([waitForPing(from, to.address), waitForPing(to, from.address)]);

      const isDirect = async () => {
        const direct = (await routesTo(a, subnet)).some(({ gateway }) => gateway === b.address);
        const entries = (
          await a.shell(
            'ip neigh show dev flannel.1; bridge fdb show dev flannel.1 | grep dst || true',
          )
        ).stdout;
        if (mode === 'kernel') assert.equal(/\S/.test(entries), !direct, entries);
        else {
          using maps = openMapsOf(a);
          assert.equal(readPeers(maps).get(subnet)?.direct ?? false, direct);
        }
        return direct;
      };
      const tunnelled = () => isTunnelled(a, () => ping(from, to.address, { count: 3 }));

      assert.equal(await isDirect(), true);
      assert.equal(await tunnelled(), false);
      await using watching = await startWatch(a, ['--reconcile-interval', '3600']);
      const traffic = await startTraffic(from, to);
      for (let round = 0; round < 2; round += 1) {
        await a.shell(`ip route add ${detour}`);
        await waitFor('the peer is in the tunnel', async () => !(await isDirect()));
        await traffic.goesOn();
        assert.equal(await tunnelled(), true);
        await a.shell(`ip route del ${detour}`);
        await waitFor('the peer is direct', isDirect);
        await traffic.goesOn();
        assert.equal(await tunnelled(), false);
      }
      await traffic.end();
      await watching.running.stop();

      assert.equal((await join(a)).changed, false);
      await a.shell(`ip route add ${detour}`);
      assert.equal((await join(a)).changed, true);
      assert.equal(await isDirect(), false);
      await waitForPing(from, to.address);
      await a.shell(`ip route del ${detour}`);
      await join(a);
      assert.equal(await isDirect(), true);

      await teardown(a);
      assert.deepEqual(await ownRoutes(a), []);
    });
  }
});
