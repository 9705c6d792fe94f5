import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { type Fingerprint, fingerprint, storeBytes } from './fingerprint.ts';
import {
  assertRefuses,
  CONFIG,
  hostsOf,
  initConfig,
  join,
  joinElsewhere,
  lacks,
  teardown,
} from './support.ts';

const VXLAN = '"Backend":{"Type":"vxlan"}';

/** What is wrong, the config, what the message names, and what the hint says. */
const BAD_CONFIGS: readonly [string, string, RegExp, RegExp][] = [
  ['no JSON', '{"Network": "10.5.0.0/16"', /not JSON/, /Write it like \{"Network"/],
  ['no object', '["10.5.0.0/16"]', /not a JSON object/, /Write it like/],
  ['empty', '', /not JSON/, /Write it like/],
  ['no Network', `{${VXLAN}}`, /Network is missing/, /Write it like/],
  [
    'a Network that is none',
    `{"Network":"10.5.0.0",${VXLAN}}`,
    /Network is "10\.5\.0\.0"/,
    /prefix length/,
  ],
  [
    'a Network too small',
    `{"Network":"10.5.0.0/29",${VXLAN}}`,
    /Network is "10\.5\.0\.0\/29", too small/,
    /at most 28/,
  ],
  [
    'SubnetLen too long',
    `{"Network":"10.5.0.0/16","SubnetLen":31,${VXLAN}}`,
    /SubnetLen is 31, out of bounds/,
    /18.*30/,
  ],
  [
    'SubnetLen too short',
    `{"Network":"10.5.0.0/16","SubnetLen":17,${VXLAN}}`,
    /SubnetLen is 17, out of bounds.*10\.5\.0\.0\/16/,
    /18.*30/,
  ],
  [
    'SubnetLen a word',
    `{"Network":"10.5.0.0/16","SubnetLen":"x",${VXLAN}}`,
    /SubnetLen is "x"/,
    /./,
  ],
  [
    'Min over Max',
    `{"Network":"10.5.0.0/16","SubnetMin":"10.5.9.0","SubnetMax":"10.5.4.0",${VXLAN}}`,
    /SubnetMin is 10\.5\.9\.0, above SubnetMax, 10\.5\.4\.0/,
    /lower address/,
  ],
  [
    'Min outside',
    `{"Network":"10.5.0.0/16","SubnetMin":"10.6.0.0",${VXLAN}}`,
    /SubnetMin is 10\.6\.0\.0, not in the network/,
    /leave SubnetMin out/,
  ],
  [
    'Min off a boundary',
    `{"Network":"10.5.0.0/16","SubnetMin":"10.5.1.7",${VXLAN}}`,
    /SubnetMin is 10\.5\.1\.7, not the first address/,
    /10\.5\.1\.0/,
  ],
  [
    'an unknown Type',
    '{"Network":"10.5.0.0/16","Backend":{"Type":"warp"}}',
    /Type is "warp"/,
    /vxlan/,
  ],
  [
    'a backend not built yet',
    '{"Network":"10.5.0.0/16","Backend":{"Type":"ipip"}}',
    /ipip.*not built yet/,
    /vxlan/,
  ],
  [
    'IPv6',
    `{"Network":"10.5.0.0/16","EnableIPv6":true,${VXLAN}}`,
    /EnableIPv6.*not built yet/,
    /Leave/,
  ],
];

describe('a config that cannot be', { skip: lacks('etcd', 'etcdctl') }, () => {
  let lab: Lab;
  let a: Host;
  let untouched: Fingerprint;
  before(async () => {
    lab = await createLab({ name: 'lifebadconf', hosts: 1, pods: 0, store: 'etcd' });
    [a] = hostsOf(lab);
    await initConfig(lab);
    untouched = fingerprint(a);
  });
  after(() => lab.destroy());

  for (const [what, config, message, hint] of BAD_CONFIGS) {
    const refusal = { exit: 1, code: 'CONFIG_INVALID', message, hint } as const;
    it(`init-config refuses ${what}`, async () => {
      const bytes = await storeBytes(lab);
      await assertRefuses(a, ['init-config', '-', '--force'], refusal, { input: config });
      assert.equal(await storeBytes(lab), bytes);
    });
  }

  for (const [what, config, message, hint] of BAD_CONFIGS.filter((_, index) => index % 4 === 3)) {
    it(`join, which finds it in the store, refuses ${what}`, async () => {
      await lab.etcd?.ctl(['put', '/coreos.com/network/config'], { input: config });
      await assertRefuses(a, ['join'], { exit: 1, code: 'CONFIG_INVALID', message, hint });
      assertNothingLeft(a, untouched);
    });
  }

  it('a file that is not there, a folder, and no text', async () => {
    const path = `${folderOf(lab.name)}/config.json`;
    const file = { exit: 1, code: 'FILE', hint: /path of a file, - for standard input/ } as const;
    await assertRefuses(a, ['init-config', path], { ...file, message: /config\.json: ENOENT/ });
    await assertRefuses(a, ['init-config', folderOf(lab.name)], { ...file, message: /EISDIR/ });
    writeFileSync(path, Buffer.from([0x7b, 0xff, 0x7d]));
    await assertRefuses(a, ['init-config', path], {
      exit: 1,
      code: 'CONFIG_INVALID',
      message: /not UTF-8/,
      hint: /UTF-8/,
    });
  });

  it('no config at all, and no store at all', async () => {
    await lab.etcd?.ctl(['del', '/coreos.com/network/config']);
    const missing = { exit: 1, code: 'CONFIG_MISSING', hint: /tartan init-config/ } as const;
    await assertRefuses(a, ['join'], {
      ...missing,
      message: /etcd http:\S+ holds no network config/,
    });
    const absent = `file:${folderOf(lab.name)}/absent.db`;
    const options = { env: { FLANNELD_ETCD_ENDPOINTS: '' } };
    for (const command of ['join', 'renew'])
      await assertRefuses(
        a,
        [command, '--store', absent],
        command === 'join'
          ? { ...missing, message: /there is no store at .*absent\.db/ }
          : { exit: 1, code: 'LEASE_LOST', message: /has not joined/, hint: /tartan join/ },
        options,
      );
    assertNothingLeft(a, untouched);
  });

  it('a PublicIP, of this host or of a peer, inside the overlay', async () => {
    await initConfig(lab);
    const inside = {
      exit: 1,
      code: 'CONFIG_INVALID',
      hint: /Network that does not overlap/,
    } as const;
    await assertRefuses(a, ['join', '--public-ip', '10.5.3.4'], {
      ...inside,
      message: /this host's PublicIP, 10\.5\.3\.4, lies in the overlay itself \(10\.5\.2\.0\/23\)/,
    });
    assertNothingLeft(a, untouched);
    const { stdout } = (await lab.etcd?.ctl([
      'get',
      '--prefix',
      '/coreos.com/network/subnets',
    ])) ?? { stdout: '' };
    assert.equal(stdout, '', 'no lease was taken');
    // The underlay's own route, a /24, is the less specific one here.
    const within = { Network: '192.168.77.0/24', SubnetLen: 27, SubnetMin: '192.168.77.0' };
    await initConfig(lab, { ...CONFIG, ...within });
    await assertRefuses(a, ['join'], {
      ...inside,
      message: /192\.168\.77\.10, lies in the overlay itself/,
    });
    assertNothingLeft(a, untouched);
    await initConfig(lab);
  });

  it('a peer whose PublicIP lies in the overlay keeps nobody out: it is skipped with a warning', async () => {
    const value =
      '{"PublicIP":"10.5.3.4","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:01"}}';
    await lab.etcd?.ctl(['put', '/coreos.com/network/subnets/10.5.77.0-24'], { input: value });
    const { code, stderr } = await a.tartan(['join'], { mayFail: true });
    await lab.etcd?.ctl(['del', '/coreos.com/network/subnets/10.5.77.0-24']);
    await teardown(a);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /10\.5\.77\.0.*10\.5\.3\.4|10\.5\.3\.4.*10\.5\.77\.0/);
  });

  it('an MTU that the interface does not carry', async () => {
    await initConfig(lab, { ...CONFIG, Backend: { Type: 'vxlan', MTU: 9000 } });
    await assertRefuses(a, ['join'], {
      exit: 1,
      code: 'CONFIG_INVALID',
      message: /Backend\.MTU 9000 is more than eth0 can carry \(1500\)/,
      hint: /Lower Backend\.MTU/,
    });
    assertNothingLeft(a, untouched);
  });

  it('a config that changes makes a new subnet, and all of the old one goes', async () => {
    await initConfig(lab);
    const first = await join(a);
    await initConfig(lab, { ...CONFIG, Network: '10.9.0.0/16' });
    const second = await joinElsewhere(a);
    assert.equal(second.formerSubnet, first.subnet);
    assert.match(second.subnet, /^10\.9\./);
    assert.equal((await join(a)).changed, false, 'all is done by the first join');
    assert.doesNotMatch(
      JSON.stringify(fingerprint(a)),
      new RegExp(first.subnet.replace('0/24', '')),
    );
    const keys = await lab.etcd?.ctl([
      'get',
      '--prefix',
      '--keys-only',
      '/coreos.com/network/subnets',
    ]);
    assert.equal(
      keys?.stdout.trim(),
      `/coreos.com/network/subnets/${second.subnet.replace('/', '-')}`,
    );
    await teardown(a);
  });
});

/** But for the lock, which a command that fails may leave. */
function assertNothingLeft(host: Host, untouched: Fingerprint): void {
  const { files, ...rest } = fingerprint(host);
  const { files: filesBefore, ...before } = untouched;
  assert.deepEqual(rest, before);
  assert.deepEqual(files, filesBefore);
}
