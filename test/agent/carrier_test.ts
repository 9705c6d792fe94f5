/** udp in kernel mode takes what few kernels have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataplaneOption } from '../../src/agent/dataplane.ts';
import { join } from '../../src/agent/join.ts';
import { ProgramsRefused, TartanError } from '../../src/errors.ts';
import { recordingKernel, type TestHost, testHost } from './world.ts';

const noPrograms = new TartanError('MISSING', 'there is no BPF file system at /b', 'Mount one.');
const noFou = new TartanError('MISSING', 'without fou', 'Load the module.');
const taken = new TartanError('BUSY', 'another process has UDP port 8285', 'Stop it.');

async function udpHost(): Promise<TestHost> {
  const host = await testHost();
  const config = '{"Network":"10.5.0.0/16","Backend":{"Type":"udp"}}';
  await host.store.writeConfig(config, await host.store.readConfig());
  return host;
}

function withOption({ settings }: TestHost, dataplane: DataplaneOption) {
  return { ...settings, dataplane };
}

function linkKind({ kernel }: TestHost) {
  return kernel.ops.flatMap((op) => (op.op === 'link.add' ? [op.link.kind] : []));
}

test('--dataplane kernel where the kernel can', async () => {
  await using host = await udpHost();
  host.kernel.probeFou = async (fou) => {
    assert.deepEqual(fou, { address: '192.168.64.3', port: 8285 });
    return null;
  };
  const report = await join(host.world, withOption(host, 'kernel'));
  assert.deepEqual([report.mode, report.mtu], ['kernel', 1472]);
  assert.deepEqual(linkKind(host), ['fou']);
});

test('where it cannot, nothing is changed, and no lease is taken', async () => {
  for (const obstacle of [noFou, taken]) {
    await using host = await udpHost();
    host.kernel.probeFou = async () => obstacle;
    await assert.rejects(join(host.world, withOption(host, 'kernel')), obstacle);
    assert.deepEqual(host.kernel.ops, []);
    assert.deepEqual((await host.store.list()).leases, []);
  }
});

test('a port that is ours already is not asked for', async () => {
  const bare = await recordingKernel().observe();
  const fou = [{ address: '192.168.64.3', port: 8285 }];
  await using host = await udpHost();
  const kernel = recordingKernel({ ...bare, fou });
  kernel.probeFou = async () => assert.fail('asked');
  const report = await join({ ...host.world, kernel }, withOption(host, 'kernel'));
  assert.equal(report.mode, 'kernel');
});

test('auto takes the kernel where programs cannot be loaded, and user mode where it cannot either', async () => {
  for (const [obstacle, mode, kind] of [
    [null, 'kernel', 'fou'],
    [noFou, 'user', 'tun'],
  ] as const) {
    await using host = await udpHost();
    host.kernel.probe = async () => noPrograms;
    host.kernel.probeFou = async () => obstacle;
    const report = await join(host.world, withOption(host, 'auto'));
    assert.equal(report.mode, mode);
    assert.match(
      report.modeReason ?? '',
      obstacle ? /no BPF file system.*; without fou/ : /no BPF/,
    );
    assert.deepEqual(linkKind(host), [kind]);
    assert.match(host.warnings.join('\n'), /no BPF file system/);
  }
  await using host = await udpHost();
  host.kernel.probe = async () => noPrograms;
  host.kernel.probeFou = async () => taken;
  await assert.rejects(join(host.world, withOption(host, 'auto')), taken);
});

test('so it does where they are refused when they are loaded', async () => {
  for (const [obstacle, kind] of [
    [null, 'fou'],
    [noFou, 'tun'],
  ] as const) {
    await using host = await udpHost();
    const observed = { ...(await host.kernel.observe()), builds: { udp: '0123456789abcdef' } };
    const kernel = recordingKernel(observed);
    kernel.failNext(new ProgramsRefused('KERNEL', 'the kernel refused program x', 'No.'));
    kernel.probeFou = async () => obstacle;
    await join({ ...host.world, kernel }, withOption(host, 'auto'));
    assert.deepEqual(
      kernel.ops.flatMap((op) => (op.op === 'link.add' ? [op.link.kind] : [])),
      [kind],
    );
  }
});

test('without a TUN there is no user mode, and nothing is changed', async () => {
  const noTun = new TartanError('MISSING', 'no TUN', 'Load the module.');
  for (const option of ['user', 'auto'] as const) {
    await using host = await udpHost();
    host.kernel.probe = async () => noPrograms;
    host.kernel.probeFou = async () => noFou;
    host.kernel.probeTun = async () => noTun;
    await assert.rejects(join(host.world, withOption(host, option)), noTun);
    assert.deepEqual(host.kernel.ops, []);
    assert.deepEqual((await host.store.list()).leases, []);
  }
});
