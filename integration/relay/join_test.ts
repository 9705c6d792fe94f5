/** User mode as a user has it: `join --dataplane user`, then `relay`, on three hosts. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, joinAll, type Lab } from '../../lab/lab.ts';
import type { Running } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { missing } from './requirements.ts';

const skip = await missing();

const env = { FLANNELD_DATAPLANE: 'user' };

describe('udp in user mode', { skip }, () => {
  let lab: Lab;
  let relays: Running[];
  before(async () => {
    lab = await createLab({ name: 'usermode', hosts: 3 });
    await joinAll(lab, { Network: '10.5.0.0/16', Backend: { Type: 'udp' } }, env);
    relays = lab.hosts.map((host) => host.startTartan(['relay']));
    for (const relay of relays)
      await waitFor('the relay is ready', () => relay.stdout().includes('"ready"'));
  });
  after(() => lab?.destroy());

  it('join says so, and again changes nothing', async () => {
    for (const host of lab.hosts) {
      const { stdout, stderr } = await host.tartan(['join'], { env });
      const { mode, mtu, peers, changed } = JSON.parse(stdout) as JoinReport;
      assert.deepEqual([mode, mtu, peers, changed], ['user', 1472, 2, false]);
      assert.match(stderr, /tartan relay/);
    }
  });

  it('pods reach each other, and who holds nothing is said not to be reached', async () => {
    const [a, b, c] = lab.hosts.map(({ pods: [pod] }) => pod ?? assert.fail());
    assert(a && b && c);
    assert.equal(await ping(a, b.address, { count: 3 }), 3);
    assert.equal(await ping(b, c.address, { count: 3 }), 3);
    assert.equal(await ping(a, '10.5.255.7'), 0);
    await waitFor('the relay counts it', () =>
      relays[0]?.stdout().includes('"answer_unreachable":1'),
    );
  });

  it('teardown takes device and routes away; the relay ends with an error', async () => {
    const [host] = lab.hosts;
    assert(host);
    await host.tartan(['teardown']);
    const { stdout } = await host.exec(['ip', '-oneline', 'link']);
    assert.doesNotMatch(stdout, /flannel/);
    const ended = await relays[0]?.ended;
    assert.equal(ended?.code, 1);
    assert.match(ended.stderr, /flannel0/);
  });
});
