import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { fingerprint } from './fingerprint.ts';
import {
  assertJsonError,
  assertRefuses,
  assertTwoLines,
  hostsOf,
  initConfig,
  join,
  lacks,
  parseReport,
  storedLeases,
  teardown,
} from './support.ts';

describe('options and their variables', () => {
  let lab: Lab;
  let a: Host;
  before(async () => {
    lab = await createLab({ name: 'lifeopt', hosts: 1, pods: 0 });
    [a] = hostsOf(lab);
    await initConfig(lab);
    await a.shell('ip address add 192.168.77.110/24 dev eth0');
  });
  after(() => lab.destroy());

  /** Joins with an option given by the flag, by the variable, by both, and by an empty variable. */
  async function eachWay<T>(
    flag: string,
    [given, other]: [string, string],
    look: (report: JoinReport) => T,
  ) {
    const variable = `FLANNELD_${flag.toUpperCase().replaceAll('-', '_')}`;
    const seen: T[] = [];
    const ways: [string[], Record<string, string>][] = [
      [[`--${flag}`, given], { [variable]: '' }],
      [[], { [variable]: given }],
      [[`--${flag}`, given], { [variable]: other }],
      [[], { [variable]: '' }],
    ];
    for (const [args, env] of ways) {
      const report = parseReport<JoinReport>(await a.tartan(['join', ...args], { env }));
      seen.push(look(report));
    }
    await teardown(a);
    return seen;
  }

  it('--public-ip', async () => {
    assert.deepEqual(
      await eachWay('public-ip', ['203.0.113.7', '203.0.113.8'], ({ publicIp }) => publicIp),
      ['203.0.113.7', '203.0.113.7', '203.0.113.7', a.address],
    );
  });

  it('--iface, by name and by address; the first match wins', async () => {
    assert.deepEqual(await eachWay('iface', ['192.168.77.110', 'lo'], ({ publicIp }) => publicIp), [
      '192.168.77.110',
      '192.168.77.110',
      '192.168.77.110',
      a.address,
    ]);
    const report = await join(a, '--iface', 'absent', '--iface', '192.168.77.110');
    assert.equal(report.publicIp, '192.168.77.110');
    await teardown(a);
  });

  for (const [flag, name] of [
    ['subnet-file', 'other.env'],
    ['state-dir', 'other-state'],
    ['bpffs', 'other-bpf'],
  ] as const) {
    it(`--${flag}`, async () => {
      const root = flag === 'bpffs' ? `${a.bpffs}/..` : folderOf(lab.name);
      const [given, other] = [`${root}/${name}`, `${root}/${name}-2`];
      if (flag === 'bpffs') mkdirSync(given, { recursive: true });
      const isThere = () =>
        existsSync(given) &&
        (flag === 'subnet-file' || readdirSync(given).length > 0) &&
        !existsSync(other);
      const variable = `FLANNELD_${flag.toUpperCase().replace('-', '_')}`;
      for (const [args, env] of [
        [[`--${flag}`, given], {}],
        [[], { [variable]: given }],
        [[`--${flag}`, given], { [variable]: other }],
      ] as const) {
        await a.tartan(['join', ...args], { env });
        assert(isThere(), `${args} ${JSON.stringify(env)}`);
        await a.tartan(['teardown', ...args], { env });
        assert(!isThere());
      }
      rmSync(given, { recursive: true, force: true });
    });
  }

  it('--store and --etcd-endpoints', { skip: lacks('etcd', 'etcdctl') }, async () => {
    await using other = await createLab({ name: 'lifeoptetcd', hosts: 1, pods: 0, store: 'etcd' });
    const [host] = hostsOf(other);
    assert(other.etcd);
    const { endpoint } = other.etcd;
    await initConfig(other, { Network: '10.6.0.0/16', Backend: { Type: 'vxlan' } });
    const none = { FLANNELD_ETCD_ENDPOINTS: '' };
    const networkOf = async (args: string[], env: Record<string, string>) =>
      parseReport<JoinReport>(await host.tartan(['join', ...args], { env })).network;
    // A dead endpoint beside a live one does not matter.
    const list = `http://192.168.77.254:4001,${endpoint}`;
    assert.equal(await networkOf(['--etcd-endpoints', list], none), '10.6.0.0/16');
    assert.equal(await networkOf([], { FLANNELD_ETCD_ENDPOINTS: list }), '10.6.0.0/16');
    assert.equal(
      await networkOf(['--etcd-endpoints', endpoint], {
        FLANNELD_ETCD_ENDPOINTS: 'http://192.0.2.1:1',
      }),
      '10.6.0.0/16',
    );
    const config = '{"Network":"10.7.0.0/16","Backend":{"Type":"vxlan"}}';
    await host.tartan(['teardown']);
    await host.tartan(['init-config', '--etcd-prefix', '/elsewhere', config]);
    const prefixed = { FLANNELD_ETCD_PREFIX: '/elsewhere' };
    assert.equal(await networkOf([], prefixed), '10.7.0.0/16');
    assert.equal(
      await networkOf(['--etcd-prefix', '/elsewhere'], { FLANNELD_ETCD_PREFIX: '/nowhere' }),
      '10.7.0.0/16',
    );
    const { stdout } = await other.etcd.ctl([
      'get',
      '--prefix',
      '--keys-only',
      '/elsewhere/subnets/',
    ]);
    assert.match(stdout, /^\/elsewhere\/subnets\/10\.7\.\d+\.0-24\s*$/);
    await host.tartan(['teardown'], { env: prefixed });

    const file = `file:${folderOf(other.name)}/embedded.db`;
    await host.tartan(['init-config', '--store', file, config.replace('10.7', '10.8')], {
      env: none,
    });
    assert.equal(await networkOf([], { ...none, FLANNELD_STORE: file }), '10.8.0.0/16');
    const elsewhere = { ...none, FLANNELD_STORE: 'file:/nowhere/at/all.db' };
    assert.equal(await networkOf(['--store', file], elsewhere), '10.8.0.0/16');
    await host.tartan(['teardown', '--store', file], { env: none });
  });

  it('two stores are one too many, whichever way they are named', async () => {
    const refusal = {
      exit: 2,
      code: 'USAGE',
      message: /two stores are named: .*store.*and etcd/i,
      hint: /Leave out --store or --etcd-endpoints/,
    } as const;
    await assertRefuses(a, ['join', '--etcd-endpoints', 'http://x'], refusal);
    await assertRefuses(a, ['join'], refusal, { env: { FLANNELD_ETCD_ENDPOINTS: 'http://x' } });
  });

  it('wrong use: exit 2, naming flag or variable, value and what would do', async () => {
    const cases: [string[], Record<string, string>, RegExp, RegExp][] = [
      [
        ['join', '--public-ip', '1.2.3'],
        {},
        /--public-ip: "1\.2\.3" is not an IPv4 address/,
        /192\.168/,
      ],
      [
        ['join'],
        { FLANNELD_PUBLIC_IP: 'x' },
        /FLANNELD_PUBLIC_IP: "x" is not an IPv4 address/,
        /192\.168/,
      ],
      [
        ['join', '--subnet-lease-renew-margin', '1440'],
        {},
        /--subnet-lease-renew-margin: "1440" is not a whole number from 1 to 1439/,
        /1 to 1439/,
      ],
      [
        ['join'],
        { FLANNELD_SUBNET_LEASE_RENEW_MARGIN: '0' },
        /FLANNELD_SUBNET_LEASE_RENEW_MARGIN: "0"/,
        /1 to 1439/,
      ],
      [
        ['watch', '--reconcile-interval', 'often'],
        {},
        /--reconcile-interval: "often"/,
        /1 to 86400/,
      ],
      [['join', '--unheard-of'], {}, /--unheard-of/, /tartan join --help/],
      [['join', 'surplus'], {}, /argument/, /tartan join --help/],
      [['init-config'], {}, /config/, /tartan init-config --help/],
      [
        ['join', '--etcd-certfile', '/x'],
        {},
        /--etcd-certfile and --etcd-keyfile belong together/,
        /both or none/,
      ],
      [['join', '--store', 'redis:x'], {}, /redis:…/, /file:\/path/],
      [['join', '--store', 'file:net.db'], {}, /relative path, "net\.db"/, /file:\/var\/lib/],
      [['join', '--iface', ''], {}, /--iface: an empty value/, /Give a value/],
      [['join', '--network', 'a.b'], {}, /--network: "a\.b" cannot be a network's name/, /letters/],
      [['join'], { FLANNELD_NETWORK: '../x' }, /FLANNELD_NETWORK: "\.\.\/x"/, /1 to 32 letters/],
      [['jion'], {}, /"jion" is not a command/, /join/],
    ];
    const before = fingerprint(a);
    for (const [args, env, message, hint] of cases)
      await assertRefuses(a, args, { exit: 2, code: 'USAGE', message, hint }, { env });
    assert.deepEqual(fingerprint(a), before);
  });

  it('FLANNELD_JSON and FLANNELD_DRY_RUN are switches', async () => {
    const leases = (await storedLeases(lab)).length;
    const usage = {
      exit: 2,
      code: 'USAGE',
      message: /"maybe" is neither true nor false/,
      hint: /true or false/,
    } as const;
    const run = (env: Record<string, string>) => a.tartan(['join'], { env, mayFail: true });
    assertTwoLines(await run({ FLANNELD_DRY_RUN: 'maybe' }), usage);
    assertJsonError(await run({ FLANNELD_DRY_RUN: 'maybe', FLANNELD_JSON: 'true' }), usage);
    const preview = parseReport<{ ops: unknown[] }>(await run({ FLANNELD_DRY_RUN: 'true' }));
    assert(preview.ops.length > 0);
    assert.equal((await storedLeases(lab)).length, leases);
  });
});
