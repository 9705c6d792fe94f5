/** What happens to a host that has joined, and a device of our name that is not ours. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addFlannelDevice } from '../../lab/baseline.ts';
import { createLab, NETWORK_CONFIG } from '../../lab/lab.ts';
import { VXLAN } from '../carriers/vxlan.ts';
import { testHealing } from './cases/healing.ts';
import { join } from './network.ts';
import { missing } from './requirements.ts';

const skip = await missing();

const DEVICE = 'flannel.1';

testHealing(VXLAN, ['flat', 'routed']);

describe('a device of our name that is not ours', { skip }, () => {
  const foreign = [
    { name: 'a bridge', add: `link add ${DEVICE} type bridge`, says: 'bridge' },
    {
      name: 'a vxlan of another VNI',
      add: `link add ${DEVICE} type vxlan id 7 dstport 8472`,
      says: 'vxlan id 7 dstport 8472',
    },
    {
      name: 'a vxlan on another port',
      add: `link add ${DEVICE} type vxlan id 1 dstport 4789`,
      says: 'vxlan id 1 dstport 4789',
    },
  ];
  for (const { name, add, says } of foreign) {
    it(`${name}: refused by name, and left as it was; no lease is taken`, async () => {
      await using lab = await createLab({ name: 'foreign', hosts: 1 });
      const host = lab.host('a');
      await host.tartan(['init-config', '-'], { input: JSON.stringify(NETWORK_CONFIG) });
      await host.exec(['ip', ...add.split(' ')]);
      const show = async () => (await host.exec(['ip', '-d', 'link', 'show', DEVICE])).stdout;
      const before = await show();
      const { code, stdout } = await host.tartan(['join', '--json'], { mayFail: true });
      assert.equal(code, 1);
      const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
      assert.equal(error.code, 'DEVICE_FOREIGN');
      assert.match(error.message, new RegExp(`${DEVICE} .*${says}`));
      assert.equal(await show(), before);
      await host.exec(['ip', 'link', 'delete', DEVICE]);
      const report = await join(host);
      assert.equal(report.peers, 0, 'nobody, not even an earlier self');
    });
  }

  it("flanneld's own, up and with its entries, is replaced, and its MAC is the lease's", async () => {
    await using lab = await createLab({ name: 'foreign', hosts: 1 });
    const host = lab.host('a');
    await host.tartan(['init-config', '-'], { input: JSON.stringify(NETWORK_CONFIG) });
    const { vtepMac } = await addFlannelDevice(host, { subnet: '10.5.9.0/24', mtu: 1450 });
    await join(host);
    const { stdout } = await host.exec(['ip', '-d', 'link', 'show', DEVICE]);
    assert.match(stdout, new RegExp(`link/ether ${vtepMac} `));
    assert.match(stdout, /vxlan external .*vnifilter/);
  });
});
