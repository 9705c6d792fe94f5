import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { fingerprint } from './fingerprint.ts';
import { assertRefuses, hostsOf, initConfig, join, storedLeases, teardown } from './support.ts';

describe('a store or a file that cannot be written', () => {
  let lab: Lab;
  let a: Host;
  const small = () => `${folderOf(lab.name)}/small`;
  beforeEach(async () => {
    lab = await createLab({ name: 'lifefull', hosts: 1, pods: 0 });
    [a] = hostsOf(lab);
    await initConfig(lab);
    mkdirSync(small());
  });
  afterEach(() => lab.destroy());

  async function mountSmall(options: string): Promise<void> {
    await a.exec(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', small()]);
  }
  /** Leaves not one page. */
  function fill(): void {
    try {
      for (let count = 0; ; count += 1)
        writeFileSync(`${small()}/ballast${count}`, Buffer.alloc(4096));
    } catch {
      // Full now.
    }
  }
  const failure = (message: RegExp, hint: RegExp) =>
    ({ exit: 1, code: 'FILE', message, hint }) as const;

  it('a full disk for subnet.env: nothing of it is there, and a second join heals it', async () => {
    await mountSmall('size=16k');
    fill();
    const path = `${small()}/subnet.env`;
    await assertRefuses(
      a,
      ['join', '--subnet-file', path],
      failure(/cannot write .*small\/subnet\.env: ENOSPC/, /Make room/),
    );
    assert(!existsSync(path) && !existsSync(`${path}.tmp`));
    rmSync(`${small()}/ballast0`);
    await a.tartan(['join', '--subnet-file', path]);
    assert.match(readFileSync(path, 'utf8'), /^FLANNEL_NETWORK=/);
    assert.equal((await teardown(a)).changed, true);
    assert(!existsSync(path));
  });

  it('a full disk for subnet.env keeps the old file whole', async () => {
    await mountSmall('size=16k');
    const path = `${small()}/subnet.env`;
    const old = 'FLANNEL_SUBNET=10.5.0.1/24\n';
    writeFileSync(path, old);
    fill();
    await assertRefuses(a, ['join', '--subnet-file', path], failure(/ENOSPC/, /Make room/));
    assert.equal(readFileSync(path, 'utf8'), old);
    await a.tartan(['teardown', '--subnet-file', path]);
  });

  it('a read-only folder for subnet.env, for the state, for the store', async () => {
    await mountSmall('size=64k');
    await a.exec(['mount', '-o', 'remount,ro', small()]);
    const readOnly = /read-only|another/;
    const before = fingerprint(a);
    await assertRefuses(
      a,
      ['join', '--state-dir', `${small()}/state`],
      failure(/cannot lock .*small\/state.*EROFS/, /--state-dir/),
    );
    assert.deepEqual(fingerprint(a), before);
    await assertRefuses(
      a,
      [
        'init-config',
        '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}',
        '--store',
        `file:${small()}/net.db`,
      ],
      failure(/cannot open the store .*small\/net\.db: .*EROFS/, /may be written/),
    );
    await assertRefuses(
      a,
      ['join', '--subnet-file', `${small()}/subnet.env`],
      failure(/cannot write .*small\/subnet\.env: EROFS/, readOnly),
    );
    const { subnet } = JSON.parse((await a.tartan(['teardown'])).stdout);
    assert.match(subnet, /^10\.5\./);
    assert.deepEqual({ ...fingerprint(a), files: null }, { ...before, files: null });
  });

  it('a full disk for the state: join fails before it changes the kernel, and takes no lease that is lost', async () => {
    await mountSmall('size=16k');
    const stateDir = `${small()}/state`;
    mkdirSync(`${stateDir}/default`, { recursive: true });
    writeFileSync(`${stateDir}/default/lock`, '');
    fill();
    const { pins, links } = fingerprint(a);
    await assertRefuses(
      a,
      ['join', '--state-dir', stateDir],
      failure(/cannot write .*state\.json: ENOSPC/, /Make room/),
    );
    const after = fingerprint(a);
    assert.deepEqual({ pins: after.pins, links: after.links }, { pins, links });
    // For the state, and the one that takes its place.
    for (const number of [0, 1]) rmSync(`${small()}/ballast${number}`);
    const leases = await storedLeases(lab);
    const { stdout } = await a.tartan(['join', '--state-dir', stateDir]);
    for (const { subnet } of leases) assert.equal(JSON.parse(stdout).subnet, subnet);
    await a.tartan(['teardown', '--state-dir', stateDir]);
    assert.deepEqual(await storedLeases(lab), []);
  });

  it('a full disk for the store: nothing is lost, and it goes on when there is room', async () => {
    await mountSmall('size=256k');
    const url = `file:${small()}/net.db`;
    await a.tartan([
      'init-config',
      '--store',
      url,
      '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}',
    ]);
    fill();
    const before = fingerprint(a);
    await assertRefuses(a, ['join', '--store', url], {
      exit: 1,
      code: 'STORE_FAILED',
      message: /no space left for .*small\/net\.db; nothing was written/,
      hint: /Make room/,
    });
    assert.deepEqual({ ...fingerprint(a), files: null }, { ...before, files: null });
    for (let count = 0; count < 30; count += 1)
      rmSync(`${small()}/ballast${count}`, { force: true });
    const { stdout } = await a.tartan(['join', '--store', url]);
    assert.equal(JSON.parse(stdout).changed, true);
    await a.tartan(['teardown', '--store', url]);
  });

  it('a store that is no database, or another program’s', async () => {
    const path = `${small()}/net.db`;
    writeFileSync(path, 'this is a letter to my grandmother, and no database\n'.repeat(40));
    const text = readFileSync(path);
    await assertRefuses(a, ['join', '--store', `file:${path}`], {
      exit: 1,
      code: 'STORE_FAILED',
      message: /net\.db is not an SQLite database/,
      hint: /another path/,
    });
    assert.deepEqual(readFileSync(path), text);
  });

  it('an empty file is no store, and stays empty', async () => {
    const path = `${folderOf(lab.name)}/empty.db`;
    writeFileSync(path, '');
    await assertRefuses(a, ['join', '--store', `file:${path}`], {
      exit: 1,
      code: 'CONFIG_MISSING',
      message: /empty\.db is empty, and no store/,
      hint: /tartan init-config/,
    });
    assert.equal(readFileSync(path, 'utf8'), '');
  });

  it('output to a full device: the work is done, and the failure told', async () => {
    for (const command of [
      'join',
      'join --dry-run',
      '--version',
      '--help',
      'join --help',
      'watch',
    ]) {
      const { code, stderr } = await a.shell(`tartan ${command} >/dev/full`, { mayFail: true });
      assert.equal(code, 1, command);
      assert.match(stderr, /^tartan: cannot write to standard output: .*ENOSPC/, command);
      assert.equal(stderr.split('\n').length, 3, stderr);
    }
    assert.equal((await join(a)).changed, false);
    await teardown(a);
  });

  it('relative paths are remembered as absolute ones', async () => {
    const folder = folderOf(lab.name);
    const args = '--state-dir relative/state --subnet-file relative/subnet.env';
    await a.shell(`cd ${folder} && tartan join ${args}`);
    const { bpffs, subnetFile } = JSON.parse(
      readFileSync(`${folder}/relative/state/default/state.json`, 'utf8'),
    );
    assert.deepEqual([bpffs, subnetFile], [a.bpffs, `${folder}/relative/subnet.env`]);
    await a.tartan(['teardown', '--state-dir', `${folder}/relative/state`]);
    assert(!existsSync(subnetFile));
  });

  for (const [damage, text] of [
    ['cut short', '{"version":'],
    ['empty', ''],
    ['of another version', '{"version":9,"subnet":"10.5.7.0/24"}'],
    ['with nonsense in it', '{"version":1,"subnet":"x","networkNamespace":1}'],
  ] as const) {
    it(`a state.json that is ${damage}: join writes it anew, teardown does without`, async () => {
      const bare = fingerprint(a);
      const { subnet } = await join(a);
      const path = `${a.stateDir}/default/state.json`;
      const good = readFileSync(path, 'utf8');
      writeFileSync(path, text);
      const before = fingerprint(a);
      for (const command of ['renew', 'watch'])
        await assertRefuses(
          a,
          [command],
          failure(/state\.json is not a state of version 1/, /tartan join/),
        );
      assert.deepEqual(fingerprint(a), before);

      const warning = /goes on without what an earlier join remembered: .*state\.json/;
      const again = await a.tartan(['join']);
      assert.match(again.stderr, warning);
      assert.equal(JSON.parse(again.stdout).subnet, subnet);
      assert.equal(readFileSync(path, 'utf8'), good);

      writeFileSync(path, text);
      const { stdout, stderr } = await a.tartan(['teardown']);
      assert.match(stderr, warning);
      assert.deepEqual(JSON.parse(stdout), { subnet, leaseRemoved: true, changed: true });
      assert.deepEqual(await storedLeases(lab), []);
      assert.deepEqual(fingerprint(a).links, bare.links);
      assert(!existsSync(path) && !existsSync(a.subnetFile));
    });
  }
});
