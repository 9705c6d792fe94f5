/** Kernel mode from the command line: when it is taken, what it leaves, and the way there and back. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { CHECKOUT, type Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import type { WatchEvent } from '../../src/agent/events.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { unfinishedName } from '../../src/kernel/links.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import { hostsOf, initConfig, join, lacks, storedLeases, teardown } from './support.ts';
import { buildDenyBpf, withoutBpf } from './without_bpf.ts';

const skip = lacks('clang', 'setpriv');

let lab: Lab;
let a: Host;
let b: Host;
let untouched: Fingerprint;
before(() => skip || buildDenyBpf());
beforeEach(async () => {
  lab = await createLab({ name: 'lifekernel', hosts: 2, pods: 0 });
  [a, b] = hostsOf(lab);
  await initConfig(lab);
  untouched = fingerprint(a);
});
afterEach(() => lab.destroy());

/** Runs a command behind one that takes something away, and whatever it says on stderr. */
async function run(prefix: string, command: string, env: Record<string, string> = {}) {
  const result = await a.shell(`${prefix} ${TARTAN} ${command}`, { mayFail: true, env });
  return { ...result, report: () => JSON.parse(result.stdout) as JoinReport };
}

const auto = 'join --dataplane auto';

/** What of the host is a member's, but for the programs and pins. */
function assertKernelMode(host: Host, { subnet, peers }: JoinReport): void {
  const { links, routes, attached, pins, vnis } = fingerprint(host);
  const device = links.find(({ ifname }) => ifname === 'flannel.1');
  assert.equal(device?.ifalias, 'tartan:default');
  assert.deepEqual(
    device.addr_info.map(({ local }) => `${local}/24`),
    [subnet],
  );
  assert.equal(routes.filter(({ protocol }) => protocol === '116').length, peers);
  assert.deepEqual([attached, pins, vnis], [{}, {}, []]);
}

describe('kernel mode', { skip }, () => {
  for (const [what, prefix, reason] of [
    ['without CAP_BPF', withoutBpf.capability, /CAP_BPF missing/],
    ['bpf(2) denied', withoutBpf.permission, /refuses to load BPF programs: .*EPERM/],
    ['bpf(2) absent', withoutBpf.call, /no bpf\(2\)/],
  ] as const) {
    it(`${what}: auto takes it and says why, bpf does not`, async () => {
      const refused = await run(prefix, 'join --dataplane bpf --json');
      assert.equal(refused.code, 1);
      assert.match(JSON.parse(refused.stdout).error.message, reason);
      assert.deepEqual(fingerprint(a).links, untouched.links);
      assert.deepEqual(await storedLeases(lab), []);

      const { code, stderr, report } = await run(prefix, auto);
      assert.equal(code, 0, stderr);
      assert.equal(report().mode, 'kernel');
      assert.match(report().modeReason ?? '', reason);
      assert.match(stderr, /"level":"warn".*kernel mode/);
      assertKernelMode(a, report());
      const again = await run(prefix, auto);
      assert.equal(again.report().changed, false);
      assert.equal((await run(prefix, 'teardown')).code, 0);
      assert.deepEqual(fingerprint(a), untouched);
      assert.deepEqual(await storedLeases(lab), []);
    });

    it(`${what} on a host with programs: they go, and come back`, async () => {
      const first = await join(a);
      assert.equal(first.mode, 'default');
      const mac = macOf(a);
      const { stderr, report } = await run(prefix, auto);
      assert.equal(report().mode, 'kernel', stderr);
      assert.equal(report().subnet, first.subnet);
      assertKernelMode(a, report());
      assert.equal(macOf(a), mac);
      const back = await join(a, '--dataplane', 'auto');
      assert.partialDeepStrictEqual(back, { mode: 'default', modeReason: null, changed: true });
      assert.equal(back.subnet, first.subnet);
      assert.equal(macOf(a), mac);
      assert.equal((await run(prefix, 'teardown')).code, 0);
      assert.deepEqual(fingerprint(a), untouched);
    });
  }

  it('no BPF file system', async () => {
    const { report } = await run('', `${auto} --bpffs ${a.stateDir}/none`);
    assert.equal(report().mode, 'kernel');
    assert.match(report().modeReason ?? '', /no BPF file system at .*none/);
    assertKernelMode(a, report());
  });

  it('not because of an iproute2 that knows no VNI filter', async () => {
    const old = `${folderOf(lab.name)}/old`;
    mkdirSync(old);
    for (const command of ['ip', 'bridge']) {
      const { stdout: path } = await a.shell(`command -v ${command}`);
      const script = `#!/bin/sh
case "$*" in *vni*) echo 'Object "vni" is unknown, try "bridge help".' >&2; exit 255 ;; esac
exec ${path.trim()} "$@"
`;
      writeFileSync(`${old}/${command}`, script, { mode: 0o755 });
    }
    const { report } = await run(`PATH=${old}:$PATH`, auto);
    assert.equal(report().mode, 'default');
    assert.equal((await run(`PATH=${old}:$PATH`, 'teardown')).code, 0);
    assert.deepEqual(fingerprint(a), untouched);
  });

  it('programs that the verifier refuses', async () => {
    const tartan = await checkoutWithBadProgram();
    const { code, stdout, stderr } = await a.shell(`${tartan} ${auto}`, { mayFail: true });
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout) as JoinReport;
    assert.match(report.modeReason ?? '', /refused program/);
    assertKernelMode(a, report);
    const bpf = await a.shell(`${tartan} join --dataplane bpf`, { mayFail: true });
    assert.equal(bpf.code, 1);
    assert.match(bpf.stderr, /refused program/);
    assertKernelMode(a, report);
  });

  it('with the state lost, teardown knows the subnet by device and subnet.env', async () => {
    const { subnet } = await join(a, '--dataplane', 'kernel');
    rmSync(`${a.stateDir}/default/state.json`);
    assert.partialDeepStrictEqual(await teardown(a), { subnet, leaseRemoved: true });
    assert.deepEqual(fingerprint(a), untouched);
    assert.deepEqual(await storedLeases(lab), []);
  });

  it('a device whose maker was killed before its alias is ours; one of another network is not', async () => {
    const make = (name: string) =>
      `ip link add ${name} type vxlan id 1 dev eth0 local ${a.address} dstport 8472`;
    await a.shell(make(unfinishedName('default')));
    await teardown(a);
    assert.deepEqual(
      fingerprint(a).links.map(({ ifname }) => ifname),
      ['lo', 'eth0'],
    );
    await a.shell(`${make('flannel.1')}; ip link set flannel.1 alias tartan:other`);
    const { code, stderr } = await run('', 'join --dataplane kernel');
    assert.equal(code, 1);
    assert.match(stderr, /device flannel\.1 carries this host's network "other"/);
  });

  it('watch follows peers in it, heals it, and keeps the mode that it has started with', async () => {
    await join(a);
    await using watch = a.startTartan(['watch', '--dataplane', 'kernel', '--reconcile-interval=1']);
    const events = () =>
      watch
        .stdout()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as WatchEvent);
    const seen = (type: string, count = 1) =>
      waitFor(`${count} ${type}`, () => events().filter((one) => one.type === type)[count - 1]);
    await seen('synced');
    const { subnet } = await join(b);
    assert.equal((await seen('added')).subnet, subnet);
    const vtep = subnet.replace('/24', '');
    assert.deepEqual(await entries(a), [
      `${vtep} lladdr ${macOf(b)} PERMANENT`,
      `${macOf(b)} dst ${b.address} self permanent`,
      `${subnet} via ${vtep} proto 116 onlink`,
    ]);
    await a.shell('ip link set flannel.1 down; ip link set flannel.1 up');
    await seen('reconciled');
    await waitFor('healed', async () => (await entries(a)).length === 3);
    await a.shell(`bridge fdb del ${macOf(b)} dev flannel.1 dst ${b.address}`);
    await waitFor('healed', async () => (await entries(a)).length === 3);
    await teardown(b);
    await seen('removed');
    assert.deepEqual(await entries(a), []);
    assert.deepEqual(fingerprint(a).attached, {});
    assert.deepEqual(
      events().filter(({ type }) => type === 'error'),
      [],
    );
  });
});

/** A launcher whose object has a program that reads where nobody may read. */
async function checkoutWithBadProgram(): Promise<string> {
  const copy = `${folderOf(lab.name)}/checkout`;
  for (const part of ['bin', 'cmd', 'src', 'bpf', 'package.json', 'Makefile']) {
    cpSync(`${CHECKOUT}/${part}`, `${copy}/${part}`, { recursive: true });
  }
  symlinkSync(`${CHECKOUT}/node_modules`, `${copy}/node_modules`);
  const path = `${copy}/bpf/vxlan/send.c`;
  const text = readFileSync(path, 'utf8');
  const bad = text.replace(
    /(int vxlan_send\([^)]*\)\s*\{)/,
    '$1\n\tif (*(volatile int *)0x10)\n\t\treturn 0;',
  );
  assert.notEqual(bad, text);
  writeFileSync(path, bad);
  await a.shell(`make -C ${copy} bpf`);
  return `${copy}/bin/tartan`;
}

function macOf(host: Host): string | undefined {
  return fingerprint(host).links.find(({ ifname }) => ifname === 'flannel.1')?.address;
}

/** Neigh, FDB and routes on the device, as iproute2 shows them. */
async function entries(host: Host): Promise<string[]> {
  const { stdout } = await host.shell(`
    ip neigh show dev flannel.1
    bridge fdb show dev flannel.1
    ip route show dev flannel.1`);
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}
