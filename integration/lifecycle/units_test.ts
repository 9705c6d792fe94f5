/** The unit files: that systemd takes them, and that what they take away is not needed. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { CHECKOUT, type Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { run } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { hostsOf, initConfig, lacks } from './support.ts';

const FOLDER = `${CHECKOUT}/units`;
const UNITS = readdirSync(FOLDER);

/** What a unit leaves of root's capabilities, as setpriv spells them. */
function capabilitiesOf(unit: string): string[] {
  const text = readFileSync(`${FOLDER}/${unit}`, 'utf8');
  const [, names = ''] = /^CapabilityBoundingSet=(.*)$/m.exec(text) ?? [];
  return names.toLowerCase().replaceAll('cap_', '').split(' ');
}

const MEMBERS = ['tartan.service', 'tartan-join.service'];

describe('unit files', { skip: lacks('systemd-analyze') }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(joinPath(tmpdir(), 'tartan-units-'));
    cpSync(FOLDER, folder, { recursive: true });
    for (const unit of UNITS) {
      const path = `${folder}/${unit}`;
      const text = readFileSync(path, 'utf8').replaceAll('/opt/tartan/bin/tartan', TARTAN);
      writeFileSync(path, text);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const unit of UNITS) {
    it(`systemd takes ${unit}`, async () => {
      const argv = ['systemd-analyze', 'verify', '--man=no', `${folder}/${unit}`];
      const { code, stderr } = await run(argv, { mayFail: true });
      // What it says of other units of this machine is theirs.
      assert(!stderr.includes('tartan'), stderr);
      assert.equal(code, 0, stderr);
    });
  }

  it('one that is wrong is told by this', async () => {
    const unit = `${folder}/tartan-wrong.service`;
    writeFileSync(unit, readFileSync(`${folder}/tartan.service`, 'utf8').replace('=notify', '=no'));
    const argv = ['systemd-analyze', 'verify', '--man=no', unit];
    assert.match(
      (await run(argv, { mayFail: true })).stderr,
      /tartan-wrong\.service.*service type/,
    );
  });
});

describe('with what the units leave of root', {
  concurrency: 1,
  skip: lacks('setpriv', 'iptables-legacy'),
}, () => {
  let lab: Lab;
  let a: Host;
  before(async () => {
    lab = await createLab({ name: 'lifeunits', hosts: 1, pods: 0 });
    [a] = hostsOf(lab);
  });
  after(() => lab.destroy());
  beforeEach(() => initConfig(lab));

  /** As systemd does it for root: what is not in the bounding set is gone at the exec. */
  const tartan = (capabilities: readonly string[], command: string) => {
    const set = ['-all', ...capabilities].join(',+');
    const prefix = `setpriv --no-new-privs --bounding-set=${set} --inh-caps=-all --`;
    return a.shell(`${prefix} ${TARTAN} ${command}`, { mayFail: true });
  };

  it('both members have the same', () => {
    const [first, ...others] = MEMBERS.map(capabilitiesOf);
    assert.deepEqual(first, ['net_admin', 'net_raw', 'bpf', 'perfmon']);
    for (const other of others) assert.deepEqual(other, first);
  });

  for (const Type of ['vxlan', 'udp', 'host-gw']) {
    for (const FastPath of [false, true]) {
      it(`${Type}${FastPath ? ' in FastPath' : ''} joins, renews and is torn down`, async () => {
        await initConfig(lab, { Network: '10.5.0.0/16', Backend: { Type, FastPath } });
        const left = capabilitiesOf('tartan.service');
        const joined = await tartan(left, 'join');
        assert.deepEqual([joined.code, joined.stderr], [0, '']);
        const { mode }: JoinReport = JSON.parse(joined.stdout);
        assert.equal(mode, FastPath ? 'fastpath' : 'default');
        for (const command of ['renew', 'join', 'teardown']) {
          const { code, stderr } = await tartan(left, command);
          assert.deepEqual([code, stderr], [0, ''], command);
        }
      });
    }
  }

  it('serve needs none', async () => {
    assert.deepEqual(capabilitiesOf('tartan-serve.service'), ['']);
    const prefix = 'setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --';
    await using serving = a.start(
      [...prefix.split(' '), TARTAN, 'serve', '--listen', `${a.address}:0`],
      {},
    );
    await waitFor('it listens', () => serving.stdout().includes('listening'), {
      limitSeconds: 20,
    });
    assert.deepEqual(await serving.stop().then(({ code, stderr }) => [code, stderr]), [0, '']);
  });

  it('none of them is too many', async () => {
    const all = capabilitiesOf('tartan.service');
    for (const missing of all.filter((one) => one !== 'net_raw')) {
      const { code, stdout } = await tartan(
        all.filter((one) => one !== missing),
        'join --dataplane bpf --json',
      );
      assert.equal(code, 1, missing);
      assert.match(stdout, /"code":"(PERMISSION|MISSING|KERNEL)"/, missing);
    }

    await a.exec(['iptables-legacy', '-P', 'FORWARD', 'DROP']);
    const legacy = all.filter((one) => one !== 'net_raw');
    assert.match(
      (await tartan(legacy, 'join')).stderr,
      /FORWARD of iptables-legacy .*cannot be told/,
    );
    assert.equal((await tartan(all, 'join')).stderr, '');
    assert.match((await a.exec(['iptables-legacy', '-S'])).stdout, /tartan:default/);
  });
});
