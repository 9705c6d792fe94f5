import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/ready.ts';
import { startCluster } from '../store/etcd_cluster.ts';
import { freePorts } from '../store/etcd_server.ts';
import { assertJsonError, hostsOf, lacks, parseReport, peersInKernel } from './support.ts';
import { startWatch } from './watching.ts';

const PEER =
  '{"PublicIP":"192.168.77.99","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:99"}}';

describe('a cluster of etcd', { skip: lacks('etcd', 'etcdctl') }, () => {
  it('that loses its leader, then its quorum, then has it again: commands and watch go on', async () => {
    await using lab = await createLab({ name: 'lifecluster', hosts: 1, pods: 0 });
    const [a] = hostsOf(lab);
    await using cluster = await startCluster({ namespace: a.namespace });
    const [dead] = await freePorts();
    const endpoints = [`http://127.0.0.1:${dead}`, ...cluster.urls].join(',');
    const env = { FLANNELD_STORE: '', FLANNELD_ETCD_ENDPOINTS: endpoints };
    const tartan = (...args: string[]) => a.tartan(args, { env });
    const putPeer = (third: number, member = cluster.members[0]) =>
      member?.etcdctl(['put', `/coreos.com/network/subnets/10.5.${third}.0-24`], PEER);

    await tartan('init-config', '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
    const { subnet } = parseReport<{ subnet: string }>(await tartan('join'));
    await using watching = await startWatch(a, [], { env });
    const leader = await cluster.leader();
    await leader.kill();
    const others = cluster.members.filter((member) => member !== leader);
    const renewed = parseReport<{ subnet: string }>(await tartan('renew'));
    assert.equal(renewed.subnet, subnet);
    await putPeer(201, others[0]);
    await waitFor('the peer', () => '10.5.201.0/24' in peersInKernel(a), { limitSeconds: 20 });
    assert.deepEqual(
      watching.events().filter(({ type }) => type === 'lost'),
      [],
    );

    const from = watching.events().length;
    await others[0]?.kill();
    const expected = {
      exit: 75,
      code: 'STORE_UNAVAILABLE',
      message: new RegExp(`etcd ${endpoints} cannot be reached: `),
      hint: /Check that etcd runs/,
    } as const;
    for (const args of [['renew'], ['lease', 'list']]) {
      const startedAt = performance.now();
      const result = await a.tartan([...args, '--json'], { env, mayFail: true });
      assertJsonError(result, expected);
      assert(performance.now() - startedAt < 10_500, `${performance.now() - startedAt} ms`);
    }
    const { message } = await waitFor(
      'the error event',
      () =>
        watching
          .events()
          .slice(from)
          .find(({ type }) => type === 'error'),
      { limitSeconds: 30 },
    );
    assert.match(message ?? '', /cannot be reached/);
    assert.deepEqual(Object.keys(peersInKernel(a)), ['10.5.201.0/24'], 'peers are kept');

    const back = watching.events().length;
    await Promise.all([leader.restart(), others[0]?.restart()]);
    await waitFor('all told anew', () =>
      watching
        .events()
        .slice(back)
        .some(({ type }) => type === 'synced'),
    );
    await putPeer(202);
    await waitFor('the other peer', () => '10.5.202.0/24' in peersInKernel(a));
    parseReport(await tartan('renew'));
    const errors = watching
      .events()
      .slice(from)
      .filter(({ type }) => type === 'error');
    // The second is of the renewal beside it, which another node with this PublicIP could have made.
    const told = errors.map(
      (error) => /cannot be reached|tartan renew/.exec(error.message ?? '')?.[0],
    );
    assert.deepEqual([...new Set(told)], ['cannot be reached', 'tartan renew']);
    assert.equal(told.filter((what) => what === 'cannot be reached').length, 1);
    await watching.running.stop();
    assert.equal(parseReport<{ changed: boolean }>(await tartan('join')).changed, false);
    await tartan('teardown');
  });
});
