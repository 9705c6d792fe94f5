import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { type Fingerprint, fingerprint, storeBytes } from './fingerprint.ts';
import {
  assertRefuses,
  hostsOf,
  initConfig,
  join,
  lacks,
  storedLeases,
  teardown,
} from './support.ts';

let lab: Lab;
let a: Host;
let untouched: Fingerprint;
beforeEach(async () => {
  lab = await createLab({ name: 'lifebadhost', hosts: 1, pods: 0 });
  [a] = hostsOf(lab);
  await initConfig(lab);
  untouched = fingerprint(a);
});
afterEach(() => lab.destroy());

/** A command that cannot work leaves nothing behind but perhaps its lock, and takes no lease. */
async function assertUnchanged(): Promise<void> {
  const { files, ...rest } = fingerprint(a);
  const { files: filesBefore, ...before } = untouched;
  assert.deepEqual(rest, before);
  assert.deepEqual(files, filesBefore);
  assert.deepEqual(await storedLeases(lab), []);
}

describe('the underlay interface', () => {
  const refusal = (message: RegExp, hint: RegExp) =>
    ({ exit: 1, code: 'INTERFACE', message, hint }) as const;

  it('that is missing', async () => {
    await assertRefuses(
      a,
      ['join', '--iface', 'eth9'],
      refusal(/no interface has the name or address eth9/, /there are lo, eth0/),
    );
    await assertRefuses(
      a,
      ['join', '--iface', '10.1.2.3', '--iface', 'eth9'],
      refusal(/10\.1\.2\.3; .*eth9/, /--iface/),
    );
    await assertUnchanged();
  });

  it('that is down, has no address, or is named by no default route', async () => {
    await a.shell('ip link set eth0 down');
    untouched = fingerprint(a);
    await assertRefuses(
      a,
      ['join', '--iface', 'eth0'],
      refusal(/interface eth0 is down/, /Bring it up/),
    );
    await assertRefuses(a, ['join'], refusal(/no default route/, /--iface/));
    await a.shell('ip link set eth0 up; ip address flush dev eth0');
    untouched = fingerprint(a);
    await assertRefuses(
      a,
      ['join', '--iface', 'eth0'],
      refusal(/interface eth0 has no IPv4 address/, /give it an IPv4 address/),
    );
    await assertUnchanged();
  });
});

describe('a foreign flannel.1', () => {
  for (const [what, detail] of [
    ['type bridge', /bridge/],
    ['type vxlan id 1 dstport 4789 dev eth0', /vxlan id 1 dstport 4789/],
    ['type vxlan id 7 dstport 8472 dev eth0', /vxlan id 7 dstport 8472/],
    ['type vxlan external dstport 8472', /vxlan/],
  ] as const) {
    it(`${what} is left alone, by join and by teardown`, async () => {
      await a.shell(`ip link add flannel.1 ${what}`);
      untouched = fingerprint(a);
      await assertRefuses(a, ['join'], {
        exit: 1,
        code: 'DEVICE_FOREIGN',
        message: new RegExp(`device flannel\\.1 exists and is not ours: .*${detail.source}`),
        hint: /ip link delete flannel\.1.*another VNI/,
      });
      await assertUnchanged();
      await teardown(a);
      await assertUnchanged();
    });
  }

  it('another vxlan device on the port: named, with the port, before anything is changed', async () => {
    await a.shell('ip link add other type vxlan id 9 dstport 8472 dev eth0; ip link set other up');
    untouched = fingerprint(a);
    await assertRefuses(a, ['join'], {
      exit: 1,
      code: 'DEVICE_FOREIGN',
      message: /flannel\.1 cannot have UDP port 8472: other has it \(vxlan id 9 dstport 8472\)/,
      hint: /ip link delete other.*Backend\.Port/,
    });
    await assertUnchanged();
  });
});

describe('the BPF file system', () => {
  it('that is not mounted', async () => {
    const plain = `${folderOf(lab.name)}/plain`;
    mkdirSync(plain);
    await assertRefuses(a, ['join', '--bpffs', plain], {
      exit: 1,
      code: 'MISSING',
      message: new RegExp(`there is no BPF file system at ${plain}`),
      hint: /mount -t bpf bpf .*--bpffs/,
    });
    assert.deepEqual(readdirSync(plain), []);
    await assertUnchanged();
  });

  it('with a pinned map of another layout: refused, and kept', {
    skip: lacks('bpftool'),
  }, async () => {
    await join(a);
    const name = Object.keys(fingerprint(a).pins).find((path) => path.endsWith('/peers'));
    const path = `${a.bpffs}/${name}`;
    rmSync(path);
    await a.exec([
      'bpftool',
      'map',
      'create',
      path,
      'type',
      'array',
      'key',
      '4',
      'value',
      '12',
      'entries',
      '255',
      'name',
      'peers',
    ]);
    const before = fingerprint(a);
    const bytes = await storeBytes(lab);
    for (const command of ['join', 'watch'])
      await assertRefuses(a, [command], {
        exit: 1,
        code: 'PINS_FOREIGN',
        message: new RegExp(
          `not ours: ${path} has another layout \\(type 2, key 4, value 12 bytes\\)`,
        ),
        hint: /tartan teardown/,
      });
    assert.deepEqual(fingerprint(a), before);
    assert.equal(await storeBytes(lab), bytes);
    await teardown(a);
    await assertUnchanged();
  });
});
