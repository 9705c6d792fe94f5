import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { signalGroup } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import {
  CONFIG,
  hostsOf,
  initConfig,
  join,
  lacks,
  peersInKernel,
  readSubnetEnv,
  storedLeases,
  teardown,
} from './support.ts';
import { startWatch, type Watching } from './watching.ts';
import { assertWhole } from './whole.ts';

const NO_ETCD = lacks('etcd', 'etcdctl');
const KEYS = '/coreos.com/network/subnets/';

describe('a lease that is lost', { skip: NO_ETCD }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  beforeEach(async () => {
    lab = await createLab({ name: 'lifelost', hosts: 2, pods: 0, store: 'etcd' });
    [a, b] = hostsOf(lab);
    await initConfig(lab);
  });
  afterEach(() => lab.destroy());

  const keyOf = (subnet: string) => `${KEYS}${subnet.replace('/', '-')}`;
  const storedValue = async (subnet: string) =>
    (await storedLeases(lab)).find((lease) => lease.subnet === subnet)?.value ?? '';
  const etcdctl = async (args: readonly string[], input = '') => {
    assert(lab.etcd);
    return (await lab.etcd.ctl(args, { input })).stdout;
  };
  const put = async (subnet: string, value: string, ...options: readonly string[]) =>
    etcdctl(['put', ...options, keyOf(subnet)], value);
  const grantOf = async (subnet: string) => {
    const got = await etcdctl(['get', keyOf(subnet), '--write-out=fields']);
    return BigInt(/"Lease" : (\d+)/.exec(got)?.[1] ?? '0').toString(16);
  };
  /** As if its time were over: etcd does the same then. */
  const expire = async (subnet: string) => etcdctl(['lease', 'revoke', await grantOf(subnet)]);
  const counts = (watching: Watching) =>
    ['lost', 'acquired'].map(
      (type) => watching.events().filter((event) => event.type === type).length,
    );
  it('expired or revoked: the same one again', async () => {
    const { subnet } = await join(a);
    await using watching = await startWatch(a);
    await expire(subnet);
    const lost = await watching.event('lost');
    assert.equal(lost.subnet, subnet);
    assert.match(lost.message ?? '', /is gone: it expired or was removed/);
    const acquired = await watching.event('acquired');
    assert.deepEqual([acquired.subnet, acquired.formerSubnet], [subnet, undefined]);
    await watching.running.stop();
    await assertWhole(lab, a, await join(a));
  });

  it('by its time: a grant that ends, under a watch that took it for good', async () => {
    const { subnet } = await join(a);
    await using watching = await startWatch(a);
    const id = /lease (\S+) granted/.exec(await etcdctl(['lease', 'grant', '2']))?.[1] ?? '';
    await put(subnet, await storedValue(subnet), `--lease=${id}`);
    assert.match(
      (await watching.event('error')).message ?? '',
      /somebody else has written the lease/,
    );
    assert.equal((await watching.event('lost')).subnet, subnet);
    assert.equal((await watching.event('acquired')).subnet, subnet);
  });

  for (const how of ['stood still', 'was cut off'] as const) {
    it(`a host that ${how} past its end finds the new owner, and takes another subnet`, async () => {
      const { subnet } = await join(a);
      const said = `${a.stateDir}/said`;
      const hook = `echo $TARTAN_OLD_SUBNET $TARTAN_NEW_SUBNET $FLANNEL_SUBNET > ${said}`;
      await using watching = await startWatch(a, ['--on-subnet-change', hook]);
      const blackhole = ['blackhole', '192.168.77.254/32'];
      if (how === 'stood still') signalGroup(watching.running.pid, 'SIGSTOP');
      else await a.exec(['ip', 'route', 'add', ...blackhole]);
      await expire(subnet);
      writeFileSync(b.subnetFile, readSubnetEnv(a));
      assert.equal((await join(b)).subnet, subnet);
      const value = await storedValue(subnet);
      if (how === 'stood still') signalGroup(watching.running.pid, 'SIGCONT');
      else await a.exec(['ip', 'route', 'del', ...blackhole]);

      const lost = await waitFor(
        'a notices',
        () => watching.events().find(({ type }) => type === 'lost'),
        { limitSeconds: 40 },
      );
      assert.equal(lost.subnet, subnet);
      const acquired = await watching.event('acquired');
      assert(acquired.message?.includes(`belongs to ${b.address}`), acquired.message);
      assert.equal(acquired.formerSubnet, subnet);
      assert.notEqual(acquired.subnet, subnet);
      assert.equal(await storedValue(subnet), value, 'not overwritten');
      await waitFor(
        'the hook has run',
        () => existsSync(said) && readFileSync(said, 'utf8') !== '',
      );
      const address = acquired.subnet?.replace('0/24', '1/24');
      assert.equal(readFileSync(said, 'utf8'), `${subnet} ${acquired.subnet} ${address}\n`);
      assert.match(readSubnetEnv(a), new RegExp(`^FLANNEL_SUBNET=${address}$`, 'm'));
      await waitFor('the new owner is a peer', () => peersInKernel(a)[subnet] === b.address);
      assert.deepEqual(counts(watching), [1, 1]);
      await watching.running.stop();
      const report = await join(a);
      assert.deepEqual([report.changed, report.formerSubnet], [false, null]);
    });
  }

  it('and none is free: told with the number in use, and taken as soon as one is', async () => {
    await initConfig(lab, { ...CONFIG, SubnetMin: '10.5.1.0', SubnetMax: '10.5.2.0' });
    const { subnet } = await join(a);
    const { subnet: other } = await join(b);
    await using watching = await startWatch(a);
    await put(subnet, (await storedValue(subnet)).replace(a.address, '192.168.77.99'));
    assert.equal((await watching.event('lost')).subnet, subnet);
    const { message = '' } = await watching.event('error');
    assert.match(message, /out of subnets.*of the 2 from 10\.5\.1\.0 to 10\.5\.2\.0.*2 in use/);
    await teardown(b);
    const acquired = await waitFor(
      'the subnet that was freed',
      () => watching.events().find(({ type }) => type === 'acquired'),
      { limitSeconds: 40 },
    );
    assert.deepEqual([acquired.subnet, acquired.formerSubnet], [other, subnet]);
  });
});
