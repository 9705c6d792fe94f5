import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { fingerprint } from './fingerprint.ts';
import {
  assertJsonError,
  hostsOf,
  initConfig,
  lacks,
  peersInKernel,
  storedLeases,
} from './support.ts';
import { startWatch } from './watching.ts';

const GARBAGE: readonly [string, string][] = [
  ['10.5.20.0-24', 'garbage \u0001'],
  ['10.5.21.0-24', '{"PublicIP":"nowhere"}'],
  [
    '10.5.22.0-24',
    '{"PublicIP":"192.168.77.99","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"zz"}}',
  ],
  ['not-a-subnet', '{"PublicIP":"192.168.77.99"}'],
];

describe('a store', { concurrency: 3 }, () => {
  for (const store of ['file', 'etcd'] as const) {
    describe(`garbage in ${store}`, { skip: store === 'etcd' && lacks('etcd', 'etcdctl') }, () => {
      it('is skipped with a warning, by join and by watch; never fatal, never deleted, never handed out', async () => {
        await using lab = await createLab({ name: `lifegarb${store}`, hosts: 2, pods: 0, store });
        const [a, b] = hostsOf(lab);
        // Nothing else is free but one subnet for each host.
        await initConfig(lab, {
          Network: '10.5.0.0/16',
          SubnetMin: '10.5.20.0',
          SubnetMax: '10.5.24.0',
          Backend: { Type: 'vxlan' },
        });
        for (const [key, value] of GARBAGE) await putRaw(lab, key, value);
        const { code, stdout, stderr } = await a.tartan(['join']);
        assert.equal(code, 0);
        const { subnet } = JSON.parse(stdout);
        assert.match(subnet, /^10\.5\.2[34]\.0\/24$/);
        const warnings = stderr
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line));
        assert.deepEqual(
          warnings.map(({ level, key }) => [level, key]).sort(),
          GARBAGE.map(([key]) => ['warn', key]).sort(),
        );
        for (const { msg } of warnings) assert.match(msg, /^skipped .* in the store: ./);

        await using watching = await startWatch(a);
        await putRaw(lab, '10.5.20.0-24', 'other garbage');
        await b.tartan(['join']);
        await watching.event('added');
        assert.deepEqual(Object.values(peersInKernel(a)), [b.address]);
        assert.match(watching.running.stderr(), /skipped 10\.5\.20\.0-24/);
        assert.deepEqual(
          watching.events().map(({ type }) => type),
          ['synced', 'added'],
        );
        await watching.running.stop();
        await Promise.all([a.tartan(['teardown']), b.tartan(['teardown'])]);
        assert.deepEqual((await storedLeases(lab)).length, GARBAGE.length);
      });
    });
  }

  describe('etcd that does not answer', { concurrency: 1 }, () => {
    let lab: Lab;
    let a: Host;
    beforeEach(async () => {
      lab = await createLab({ name: 'lifeetcddown', hosts: 1, pods: 0 });
      [a] = hostsOf(lab);
    });
    afterEach(() => lab.destroy());

    for (const [what, endpoint] of [
      ['a closed port', 'http://192.168.77.254:2379'],
      ['a machine that is not there', 'http://192.168.77.99:2379'],
      ['packets that are lost', 'http://192.168.78.1:2379'],
    ] as const) {
      it(`${what}: 75 within 10 s, naming it`, async () => {
        if (what === 'packets that are lost')
          await a.exec(['ip', 'route', 'add', 'blackhole', '192.168.78.0/24']);
        if (what === 'a machine that is not there')
          await a.exec([
            'ip',
            'neigh',
            'add',
            '192.168.77.99',
            'lladdr',
            '02:00:00:00:00:99',
            'dev',
            'eth0',
          ]);
        const before = fingerprint(a);
        const env = { FLANNELD_STORE: '', FLANNELD_ETCD_ENDPOINTS: endpoint };
        const args = ['--json'];
        const started = performance.now();
        const results = await Promise.all([
          a.tartan(['join', ...args], { env, mayFail: true }),
          a.tartan(
            ['init-config', ...args, '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}'],
            {
              env,
              mayFail: true,
            },
          ),
        ]);
        const seconds = (performance.now() - started) / 1000;
        for (const result of results)
          assertJsonError(result, {
            exit: 75,
            code: 'STORE_UNAVAILABLE',
            message: new RegExp(`etcd ${endpoint} cannot be reached: .`),
            hint: /Check that etcd runs and that --etcd-endpoints names it/,
          });
        assert(seconds < 10.5, `${seconds} s`);
        const after = fingerprint(a);
        assert.deepEqual({ ...after, files: null }, { ...before, files: null });
      });
    }

    it('a signal ends the waiting at once', async () => {
      await a.exec([
        'ip',
        'neigh',
        'add',
        '192.168.77.99',
        'lladdr',
        '02:00:00:00:00:99',
        'dev',
        'eth0',
      ]);
      const env = { FLANNELD_STORE: '', FLANNELD_ETCD_ENDPOINTS: 'http://192.168.77.99:2379' };
      const running = a.startTartan(['join'], { env });
      await new Promise((resolve) => setTimeout(resolve, 600));
      const started = performance.now();
      const { code, stderr } = await running.stop('SIGTERM');
      assert(performance.now() - started < 1000);
      assert.equal(code, 143);
      assert.match(stderr, /^tartan: interrupted before it was done\n/);
    });
  });
});

async function putRaw(lab: Lab, key: string, value: string): Promise<void> {
  const path = `/coreos.com/network/subnets/${key}`;
  if (lab.etcd !== null) {
    await lab.etcd.ctl(['put', path], { input: value });
    return;
  }
  const database = new DatabaseSync(`${folderOf(lab.name)}/store.db`, { timeout: 5000 });
  database.exec('BEGIN IMMEDIATE; UPDATE history SET revision = revision + 1');
  const revision = Number(database.prepare('SELECT revision FROM history').get()?.revision);
  database
    .prepare(
      'INSERT OR REPLACE INTO entries (key, value, revision, expires_at) VALUES (?, ?, ?, NULL)',
    )
    .run(path, value, revision);
  database
    .prepare('INSERT INTO events (revision, key, value, expires_at) VALUES (?, ?, ?, NULL)')
    .run(revision, path, value);
  database.exec('COMMIT');
  database.close();
}
