/** Hosts whose store is a server on one of them: they join, follow each other, and go on while it is away. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { Running } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { hostsOf, initConfig, lacks, parseReport, storedLeases } from '../lifecycle/support.ts';
import { startWatch } from '../lifecycle/watching.ts';

const PORT = 8889;

for (const store of ['file', 'etcd'] as const) {
  describe(`a network served from ${store}`, {
    concurrency: 1,
    skip: store === 'etcd' && lacks('etcd', 'etcdctl'),
  }, () => {
    let lab: Lab;
    let a: Host;
    let b: Host;
    /** What makes a host a client; the lab's own store is the server's alone. */
    let env: Record<string, string>;
    before(async () => {
      lab = await createLab({ name: `serve${store}`, hosts: 2, pods: 0, store });
      [a, b] = hostsOf(lab);
      const remote = `${a.address}:${PORT}`;
      env = { FLANNELD_STORE: '', FLANNELD_ETCD_ENDPOINTS: '', FLANNELD_REMOTE: remote };
    });
    after(() => lab.destroy());
    beforeEach(() => initConfig(lab));

    async function serve(): Promise<Running> {
      const running = a.startTartan(['serve', '--listen', `${a.address}:${PORT}`], {});
      await waitFor('it listens', () => running.stdout().includes('listening'), {
        limitSeconds: 20,
      });
      return running;
    }

    const tartan = (host: Host, ...args: readonly string[]) => host.tartan(args, { env });

    it('joins, follows, outlives a restart of the server, and gives leases back', async () => {
      const first = await serve();
      const own: JoinReport = parseReport(await tartan(b, 'join'));
      assert.equal(own.publicIp, b.address);
      await using watching = await startWatch(b, [], { env });
      const peer: JoinReport = parseReport(await tartan(a, 'join'));
      assert.equal((await watching.event('added')).subnet, peer.subnet);
      assert.equal(await ping(b, peer.subnet.replace('0/24', '0')), 1);

      const { code, stderr } = await first.stop();
      assert.deepEqual([code, stderr], [0, '']);
      const away = await watching.event('error');
      assert.match(away.message ?? '', new RegExp(`server ${a.address}:${PORT} cannot be reached`));
      assert.equal(await ping(b, peer.subnet.replace('0/24', '0')), 1, 'packets flow');
      const refused = await a.tartan(['renew'], { env, mayFail: true });
      assert.equal(refused.code, 75, refused.stderr);

      const from = watching.events().length;
      await using second = await serve();
      await watching.event('synced', from);
      await tartan(a, 'teardown');
      assert.equal((await watching.event('removed', from)).subnet, peer.subnet);
      assert.equal(parseReport<{ subnet: string }>(await tartan(b, 'renew')).subnet, own.subnet);
      assert.equal((await watching.running.stop()).code, 0);
      // It was told once that the server is away, however often it was asked.
      const outages = watching
        .events()
        .filter(({ message }) => message?.includes('cannot be reached'));
      assert.equal(outages.length, 1, JSON.stringify(watching.events()));

      // Another's lease is not for a host that is no admin; its own is.
      const release = ['lease', 'release', '--force', own.subnet];
      const denied = await a.tartan([...release, '--json'], { env, mayFail: true });
      assert.equal(JSON.parse(denied.stdout).error.code, 'PERMISSION');
      await tartan(b, 'teardown');
      assert.deepEqual(await storedLeases(lab), []);
      assert.equal((await second.stop()).code, 0);
    });
  });
}
