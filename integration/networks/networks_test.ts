/** Two networks of one `run`: what they share, and what they do not. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { Running } from '../../lab/process.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { missing } from '../dataplane/requirements.ts';
import { hostsOf, lacks } from '../lifecycle/support.ts';
import { BLUE, cablePod, eventOf, GREEN, initNetwork, PREFIX, startRun } from './support.ts';

const skip = (await missing()) || lacks('etcd', 'etcdctl');

describe('two networks in one process', { skip }, () => {
  let lab: Lab;
  let runs: Running[] = [];
  const pods = new Map<string, string>();
  before(async () => {
    lab = await createLab({ name: 'networks2', hosts: 2, pods: 2, store: 'etcd' });
    const [first] = hostsOf(lab);
    await initNetwork(first, 'blue', BLUE);
    await initNetwork(first, 'green', GREEN);
    runs = lab.hosts.map((host) => startRun(host, ['--networks', 'blue,green']));
    for (const run of runs) {
      for (const network of ['blue', 'green']) await eventOf(run, network, 'synced');
    }
    for (const host of lab.hosts) {
      for (const [at, network] of ['blue', 'green'].entries()) {
        const pod = host.pods[at] ?? assert.fail();
        pods.set(`${host.name} ${network}`, await cablePod(host, pod, network));
      }
    }
    const [a] = hostsOf(lab);
    for (const at of [0, 1]) await waitForPing(podAt(a, at), addressOf('b', at));
  });
  after(async () => {
    for (const run of runs) await run.stop();
    await lab?.destroy();
  });
  const podAt = (host: Host, at: number) => host.pods[at] ?? assert.fail();
  const addressOf = (host: string, at: number) =>
    pods.get(`${host} ${['blue', 'green'][at]}`) ?? assert.fail();

  it('each reaches its own, on the other host', async () => {
    const [a, b] = hostsOf(lab);
    for (const at of [0, 1]) {
      assert.equal(await ping(podAt(a, at), addressOf('b', at), { count: 3 }), 3);
      assert.equal(await ping(podAt(b, at), addressOf('a', at), { count: 3 }), 3);
    }
  });

  it('and none of the other, on its own host or elsewhere', async () => {
    const [a] = hostsOf(lab);
    // The second of two to join knows of the first at once, and the first of the second by its next look.
    for (const at of [0, 1]) {
      for (const host of ['a', 'b']) {
        assert.equal(await ping(podAt(a, at), addressOf(host, 1 - at)), 0, `${at} to ${host}`);
      }
    }
    const { stdout } = await a.exec(['nft', 'list', 'ruleset']);
    assert.match(stdout, /chain apart \{/);
  });

  it('the way of the one leads to none of the other', async () => {
    const [a] = hostsOf(lab);
    const by = async (device: string, address: string) =>
      (await a.exec(['ping', '-c1', '-W1', '-I', device, address], { mayFail: true })).code;
    assert.notEqual(await by('flannel.1', addressOf('b', 1)), 0);
    assert.notEqual(await by(a.device, addressOf('b', 0)), 0);
    assert.equal(await by('flannel.1', addressOf('b', 0)), 0);
  });

  it('status of one finds nothing to do, and says what stands between them', async () => {
    const [a] = hostsOf(lab);
    const asked = ['--network', 'blue', '--etcd-prefix', `${PREFIX}/blue`, '--json'];
    const { stdout } = await a.tartan(['status', ...asked]);
    assert.deepEqual(JSON.parse(stdout).differences, []);
  });

  it('a second process on them is refused by each, and the first goes on', async () => {
    const [a] = hostsOf(lab);
    await using second = startRun(a, ['--networks', 'green']);
    assert.match((await eventOf(second, 'green', 'error')).message ?? '', /another tartan/);
    assert.equal(await ping(podAt(a, 1), addressOf('b', 1)), 1);
  });
});
