/** `--ip-blackhole-route`: what is for a pod of this host that is not there ends here. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { attachPods } from '../../lab/pod.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import { hostsOf, initConfig, join, teardown } from './support.ts';

const OWN = '10.5.30.0/24';
const NOBODY = '10.5.30.77';

for (const Type of ['host-gw', 'vxlan']) {
  describe(`a blackhole route, ${Type}`, () => {
    let lab: Lab;
    let a: Host;
    beforeEach(async () => {
      lab = await createLab({ name: 'blackhole', hosts: 2, pods: 1 });
      [a] = hostsOf(lab);
      const range = { SubnetMin: '10.5.30.0', SubnetMax: '10.5.30.0' };
      await initConfig(lab, { Network: '10.5.0.0/16', ...range, Backend: { Type } });
      await a.exec(['ip', 'route', 'replace', 'default', 'via', hostsOf(lab)[1].address]);
    });
    afterEach(() => lab.destroy());

    const way = async (to: string) => {
      const { stdout, stderr } = await a.exec(['ip', 'route', 'get', to], { mayFail: true });
      return stdout + stderr;
    };
    const isHeld = async () => /Invalid argument/.test(await way(NOBODY));

    it('is there for who asks, behind the pods, and gone for who does not, or leaves', async () => {
      assert.equal((await join(a)).subnet, OWN);
      assert.equal(await isHeld(), false);
      assert.equal((await join(a, '--ip-blackhole-route')).changed, true);
      assert.equal((await join(a, '--ip-blackhole-route')).changed, false);
      assert.equal(await isHeld(), true, await way(NOBODY));
      assert.deepEqual(JSON.parse((await a.tartan(['status', '--json'])).stdout).differences, []);

      await attachPods(a);
      const [pod] = a.pods;
      assert(pod);
      assert.equal(await ping(a, pod.address), 1);
      assert.match(await way(NOBODY), /dev /, 'the pods’ own route is in force');

      assert.equal((await join(a)).changed, true);
      assert.equal((await join(a, '--ip-blackhole-route')).changed, true);
      await teardown(a);
      assert.equal((await a.exec(['ip', 'route', 'show', 'type', 'blackhole'])).stdout, '');
    });

    it('is made again by run when somebody deletes it', async () => {
      await using running = a.startTartan(['run', '--ip-blackhole-route']);
      const sees = (text: string) => () => running.stdout().includes(text);
      await waitFor('it is in step', sees('"synced"'));
      assert.equal(await isHeld(), true);
      await a.exec(['ip', 'route', 'delete', 'blackhole', OWN, 'proto', '116']);
      await waitFor('it is mended', sees('"reconciled"'));
      assert.equal(await isHeld(), true);
    });
  });
}
