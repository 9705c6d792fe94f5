import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import {
  assertRefuses,
  grantAnew,
  hostsOf,
  initConfig,
  join,
  joinElsewhere,
  lacks,
  peersInKernel,
  readSubnetEnv,
  teardown,
} from './support.ts';
import { startWatch } from './watching.ts';
import { assertWhole } from './whole.ts';

const NO_ETCD = lacks('etcd', 'etcdctl');

describe('a lease and its watch', { skip: NO_ETCD }, () => {
  let lab: Lab;
  let a: Host;
  beforeEach(async () => {
    lab = await createLab({ name: 'lifewatchlost', hosts: 2, pods: 0, store: 'etcd' });
    [a] = hostsOf(lab);
    await initConfig(lab);
  });
  afterEach(() => lab.destroy());
  const keyOf = (subnet: string) => `/coreos.com/network/subnets/${subnet.replace('/', '-')}`;

  it('deleted in etcd: lost, and acquired again, the same one as subnet.env has', async () => {
    const { subnet } = await join(a);
    await using watching = await startWatch(a);
    await lab.etcd?.ctl(['del', keyOf(subnet)]);
    assert.equal((await watching.event('lost')).subnet, subnet);
    assert.equal((await watching.event('acquired')).subnet, subnet);
    await watching.running.stop();
    await assertWhole(lab, a, await join(a));
  });

  it('taken by another node: join takes another subnet of the same network, whole at once', async () => {
    const { subnet } = await join(a);
    const other = `{"PublicIP":"192.168.77.99","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:09"}}`;
    await lab.etcd?.ctl(['put', keyOf(subnet)], { input: other });
    const report = await joinElsewhere(a);
    assert.deepEqual([report.subnet !== subnet, report.formerSubnet], [true, subnet]);
    await assertWhole(lab, a, report);
    assert.equal((await join(a)).changed, false);
  });

  it('taken by another node: lost, and another subnet acquired, everywhere', async () => {
    const { subnet } = await join(a);
    await using watching = await startWatch(a);
    const other = `{"PublicIP":"192.168.77.99","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:09"}}`;
    await lab.etcd?.ctl(['put', keyOf(subnet)], { input: other });
    assert.equal((await watching.event('lost')).subnet, subnet);
    const acquired = await watching.event('acquired');
    assert.notEqual(acquired.subnet, subnet);
    assert.equal(acquired.formerSubnet, subnet);
    await waitFor('the new owner is a peer', () => peersInKernel(a)[subnet] === '192.168.77.99');
    assert.match(
      readSubnetEnv(a),
      new RegExp(`^FLANNEL_SUBNET=${acquired.subnet?.replace('0/24', '1/24')}$`, 'm'),
    );
    await watching.running.stop();
    const report = await join(a);
    assert.equal(report.changed, false);
    await assertWhole(lab, a, report);
  });

  it('a lease about to end is renewed at the start of watch', async () => {
    const { subnet } = await join(a);
    const id = await grantAnew(lab, subnet, 1800);
    await using watching = await startWatch(a);
    assert.equal((await watching.event('renewed')).subnet, subnet);
    const { stdout } = (await lab.etcd?.ctl(['lease', 'list'])) ?? { stdout: '' };
    assert.doesNotMatch(stdout, new RegExp(id), 'the old grant is given back');
  });

  it('and renewed while watch runs, when the margin is reached', async () => {
    const { subnet } = await join(a);
    // An hour and a few seconds to go: not due at the start.
    await grantAnew(lab, subnet, 3604);
    await using watching = await startWatch(a, ['--subnet-lease-renew-margin', '60']);
    assert.deepEqual(
      watching.events().map(({ type }) => type),
      ['synced'],
    );
    assert.equal((await watching.event('renewed')).subnet, subnet);
    assert.deepEqual(
      watching.events().map(({ type }) => type),
      ['synced', 'renewed'],
    );
  });

  it('etcd stopped and started: one error, the peers kept, and on it goes', async () => {
    const b = lab.host('b');
    await join(a);
    const { subnet } = await join(b);
    await join(a);
    await using watching = await startWatch(a, ['--reconcile-interval', '1']);
    const before = peersInKernel(a);
    await lab.etcd?.stop();
    const { message } = await watching.event('error');
    assert.match(message ?? '', /etcd http:\/\/192\.168\.77\.254:2379.*/);
    assert.equal(await ping(a, subnet.replace('0/24', '0')), 1);
    await assertRefuses(b, ['join'], {
      exit: 75,
      code: 'STORE_UNAVAILABLE',
      message: /etcd http:\/\/192\.168\.77\.254:2379 cannot be reached/,
      hint: /Check that etcd runs/,
    });
    assert.deepEqual(peersInKernel(a), before);
    await lab.etcd?.start();
    await teardown(b);
    await watching.event('removed');
    const types = watching.events().map(({ type }) => type);
    assert.deepEqual(
      types.filter((type) => type !== 'synced'),
      ['error', 'removed'],
    );
    assert.deepEqual(peersInKernel(a), {});
  });
});
