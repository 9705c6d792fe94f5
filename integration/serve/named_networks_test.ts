/** Networks that have a name, each below the prefix in etcd, through one server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run, start } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import { lacks } from '../lifecycle/support.ts';
import { startEtcd } from '../store/etcd_server.ts';
import { ask } from './support.ts';

const PREFIX = '/coreos.com/network';

test('a network that has a config is served by its name, and no other', {
  skip: lacks('etcd', 'etcdctl'),
}, async () => {
  await using etcd = await startEtcd();
  const config = (network: string) => `{"Network":"${network}","Backend":{"Type":"host-gw"}}`;
  await etcd.etcdctl(['put', `${PREFIX}/config`, config('10.5.0.0/16')]);
  await etcd.etcdctl(['put', `${PREFIX}/blue/config`, config('10.6.0.0/16')]);
  const place = ['--listen', '127.0.0.1:0', '--etcd-endpoints', etcd.url];
  await using serving = start([TARTAN, 'serve', ...place]);
  const port = await waitFor('it listens', () => /"port":(\d+)/.exec(serving.stdout())?.[1], {
    limitSeconds: 30,
  });
  const post = { method: 'POST', body: '{"PublicIP":"127.0.0.1","BackendType":"host-gw"}' };
  for (const [network, begins] of [
    ['_', '10.5.'],
    ['blue', '10.6.'],
  ] as const) {
    const { text } = await ask(Number(port), `/v1/${network}/leases`, post);
    assert(JSON.parse(text).Subnet.startsWith(begins), text);
  }
  for (const network of ['red', 'subnets', 'config']) {
    const { status, code } = await ask(Number(port), `/v1/${network}/leases`, post);
    assert.deepEqual([status, code], [404, 'CONFIG_MISSING'], network);
  }
  const list = (network: string) => {
    const where = ['--remote', `127.0.0.1:${port}`, '--network', network, '--json'];
    return run([TARTAN, 'lease', 'list', ...where], { mayFail: true });
  };
  const { leases } = JSON.parse((await list('blue')).stdout);
  assert.match(leases[0]?.subnet, /^10\.6\./);
  const { error } = JSON.parse((await list('red')).stdout);
  assert.match(error.message, /has no network red/);
  // What comes later is found.
  await etcd.etcdctl(['put', `${PREFIX}/red/config`, config('10.7.0.0/16')]);
  assert.equal((await list('red')).code, 0);
  assert.equal((await serving.stop()).code, 0);
});
