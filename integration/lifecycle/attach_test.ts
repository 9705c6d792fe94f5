import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { ping } from '../../lab/traffic.ts';
import type { JoinPreview } from '../../src/agent/join.ts';
import { fingerprint } from './fingerprint.ts';
import { assertRefuses, hostsOf, initConfig, join, parseReport, teardown } from './support.ts';

describe('--attach', () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  let there: string;
  before(async () => {
    lab = await createLab({ name: 'lifeattach', underlay: 'pair', pods: 0 });
    [a, b] = hostsOf(lab);
    await initConfig(lab);
    await join(a);
    there = (await join(b)).subnet.replace('0/24', '0');
  });
  after(() => lab.destroy());

  it('a host that has joined moves, and stays as it is asked to be', async () => {
    await join(a);
    for (const [args, by] of [
      [['--attach', 'clsact'], 'clsact'],
      [['--attach', 'tcx'], 'tcx'],
      [['--attach', 'clsact'], 'clsact'],
      [[], 'tcx'],
    ] as const) {
      const preview = parseReport<JoinPreview>(await a.tartan(['join', '--dry-run', ...args]));
      const attached = preview.ops.flatMap((op) =>
        op.op === 'bpf.attach' ? [op.attachment.by] : [],
      );
      assert.deepEqual(
        new Set(attached),
        new Set(by === 'tcx' && attached.length === 0 ? [] : [by]),
      );
      await join(a, ...args);
      assert.equal((await join(a, ...args)).changed, false);
      assert.equal(await ping(a, there), 1);
    }
    await teardown(a, '--keep-lease');
    assert.doesNotMatch(JSON.stringify(fingerprint(a).qdiscs), /clsact/);
  });

  it('xdp on a veth: refused before anything is changed, unless forced', async () => {
    await teardown(a, '--keep-lease');
    const before = fingerprint(a);
    await assertRefuses(a, ['join', '--attach', 'xdp'], {
      exit: 1,
      code: 'INTERFACE',
      message: /eth0 is one end of a veth cable, where XDP is slower/,
      hint: /--force/,
    });
    assert.deepEqual(fingerprint(a), before);
    const forced = ['--attach', 'xdp', '--force'];
    await join(a, ...forced);
    assert.equal((await join(a, ...forced)).changed, false);
    assert.equal(await ping(a, there), 1);
    const red = {
      FLANNELD_NETWORK: 'red',
      FLANNELD_STORE: `file:${folderOf(lab.name)}/red.db`,
      FLANNELD_SUBNET_FILE: `${a.subnetFile}.red`,
    };
    const config = { Network: '10.6.0.0/16', Backend: { Type: 'vxlan', VNI: 2 } };
    await a.tartan(['init-config', JSON.stringify(config)], { env: red });
    const refusal = {
      exit: 1,
      code: 'INTERFACE',
      message: /eth0 has the XDP program of this host's network "default"/,
      hint: /one of the two networks/,
    } as const;
    await assertRefuses(a, ['join', ...forced], refusal, { env: red });
    await teardown(a, '--keep-lease');
  });
});
