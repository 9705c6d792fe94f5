import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import type { DataplaneOption } from '../../src/agent/dataplane.ts';
import { join, previewJoin } from '../../src/agent/join.ts';
import { statePath } from '../../src/agent/state_file.ts';
import { teardown } from '../../src/agent/teardown.ts';
import { ProgramsRefused, TartanError } from '../../src/errors.ts';
import type { ClassicLink } from '../../src/plan/links.ts';
import { recordingKernel, type TestHost, testHost } from './world.ts';

const obstacle = new TartanError('MISSING', 'there is no BPF file system at /b', 'Mount one.');
const refusal = new ProgramsRefused('KERNEL', 'the kernel refused program x', 'It says: no.');

function withOption({ settings }: TestHost, dataplane: DataplaneOption) {
  return { ...settings, dataplane };
}

function linkKind({ kernel }: TestHost) {
  return kernel.ops.flatMap((op) => (op.op === 'link.add' ? [op.link.kind] : []));
}

test('where nothing stands in the way, it is the programs', async () => {
  for (const option of ['auto', 'bpf'] as const) {
    await using host = await testHost();
    const report = await join(host.world, withOption(host, option));
    assert.deepEqual([report.mode, report.modeReason], ['default', null]);
    assert.deepEqual(linkKind(host), ['vxlan']);
  }
});

test('--dataplane kernel asks no question and says no reason', async () => {
  await using host = await testHost();
  host.kernel.probe = async () => assert.fail('probed');
  const report = await join(host.world, withOption(host, 'kernel'));
  assert.deepEqual([report.mode, report.modeReason], ['kernel', null]);
  assert.deepEqual(linkKind(host), ['classic']);
  assert.deepEqual(host.warnings, []);
});

test('--attach in kernel mode is warned of, whoever chose the mode', async () => {
  const attach = { by: 'tcx', force: false } as const;
  const warning = /^--attach tcx does nothing in kernel mode here/;
  for (const option of ['kernel', 'auto'] as const) {
    await using host = await testHost();
    host.kernel.probe = async () => obstacle;
    await join(host.world, { ...withOption(host, option), attach });
    assert.match(host.warnings.at(-1) ?? '', warning);
    assert.equal(host.warnings.length, option === 'kernel' ? 1 : 2);
  }
  await using refused = await testHost();
  refused.kernel.failNext(refusal);
  await join(refused.world, { ...refused.settings, attach });
  assert.match(refused.warnings.at(-1) ?? '', warning);
});

test('where they cannot be loaded, auto says why and goes on, bpf does not', async () => {
  await using host = await testHost();
  host.kernel.probe = async () => obstacle;
  await assert.rejects(join(host.world, withOption(host, 'bpf')), obstacle);
  assert.deepEqual(host.kernel.ops, []);
  assert.deepEqual((await host.store.list()).leases, []);
  const report = await join(host.world, withOption(host, 'auto'));
  assert.deepEqual([report.mode, report.modeReason], ['kernel', obstacle.message]);
  assert.equal(host.warnings.length, 1);
  assert.match(host.warnings[0] ?? '', /kernel mode.*no BPF file system at \/b/);
});

test('programs that the kernel refuses when they are loaded: the same, with one lease', async () => {
  await using host = await testHost();
  host.kernel.failNext(refusal);
  await assert.rejects(join(host.world, withOption(host, 'bpf')), refusal);
  host.kernel.failNext(refusal);
  const report = await join(host.world, withOption(host, 'auto'));
  assert.deepEqual([report.mode, report.modeReason], ['kernel', refusal.message]);
  assert.equal(report.changed, true);
  assert.deepEqual(linkKind(host), ['classic']);
  assert.equal((await host.store.list()).leases.length, 1);
});

test('what is wrong otherwise ends auto too', async () => {
  await using host = await testHost();
  host.kernel.failNext(new TartanError('KERNEL', 'no memory', 'See dmesg.'));
  await assert.rejects(join(host.world, withOption(host, 'auto')), /no memory/);
  const unbuilt = { ...(await host.kernel.observe()), builds: { vxlan: null } };
  const kernel = recordingKernel(unbuilt);
  const world = { ...host.world, kernel };
  await assert.rejects(join(world, withOption(host, 'auto')), /have not been built/);
  await assert.rejects(previewJoin(world, withOption(host, 'auto')), /have not been built/);
  assert.equal((await join(world, withOption(host, 'kernel'))).mode, 'kernel');
});

test('with the state lost, teardown knows a host in kernel mode by its device and subnet.env', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, withOption(host, 'kernel'));
  const [link] = host.kernel.ops.flatMap((op) => (op.op === 'link.add' ? [op.link] : []));
  const address = subnet.replace('/24', '/32');
  const kernel = recordingKernel({
    ...(await host.kernel.observe()),
    links: [link as ClassicLink],
    addresses: [{ device: 'flannel.1', address }],
  });
  await rm(statePath(host.settings.stateDir, 'default'));
  const world = { ...host.world, kernel, openStore: async () => host.store };
  const settings = { ...host.settings, keepLease: false };
  assert.deepEqual(await teardown(world, settings), { subnet, leaseRemoved: true, changed: true });
  assert.deepEqual((await host.store.list()).leases, []);
});
