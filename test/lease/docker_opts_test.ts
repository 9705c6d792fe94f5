import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DockerOptsRequest, dockerOpts } from '../../src/lease/docker_opts.ts';

/** What the script is run with: no flag at all. */
const PLAIN: DockerOptsRequest = {
  individual: false,
  combined: false,
  combinedKey: 'DOCKER_OPTS',
  omitIpMasq: false,
};

function subnetEnv(masquerades: boolean, changes: Record<string, string | null> = {}): string {
  const lines = {
    FLANNEL_NETWORK: '10.5.0.0/16',
    FLANNEL_SUBNET: '10.5.52.1/24',
    FLANNEL_MTU: '1450',
    FLANNEL_IPMASQ: String(masquerades),
    ...changes,
  };
  const given = Object.entries(lines).filter(([, value]) => value !== null);
  return given.map(([name, value]) => `${name}=${value}\n`).join('');
}

const textOf = (env: string, request: Partial<DockerOptsRequest> = {}, environment = {}): string =>
  dockerOpts(env, { ...PLAIN, ...request }, environment).text;

// Each of these is what mk-docker-opts.sh of flannel wrote for the same file and flags.
test('the script’s own bytes, without a flag', () => {
  assert.equal(
    textOf(subnetEnv(true)),
    `DOCKER_OPT_BIP="--bip=10.5.52.1/24"
DOCKER_OPT_IPMASQ="--ip-masq=false"
DOCKER_OPT_MTU="--mtu=1450"
DOCKER_OPTS=" --bip=10.5.52.1/24 --ip-masq=false --mtu=1450 "
`,
  );
  assert.equal(
    textOf(subnetEnv(false)),
    `DOCKER_OPT_BIP="--bip=10.5.52.1/24"
DOCKER_OPT_MTU="--mtu=1450"
DOCKER_OPTS=" --bip=10.5.52.1/24 --mtu=1450 "
`,
  );
});

test('and with each of its flags', () => {
  const individual = 'DOCKER_OPT_BIP="--bip=10.5.52.1/24"\nDOCKER_OPT_MTU="--mtu=1450"\n';
  const combined = 'X=" --bip=10.5.52.1/24 --mtu=1450 "\n';
  const env = subnetEnv(false);
  const combinedKey = 'X';
  assert.equal(textOf(env, { individual: true, combinedKey }), individual);
  assert.equal(textOf(env, { combined: true, combinedKey }), combined);
  assert.equal(
    textOf(env, { individual: true, combined: true, combinedKey }),
    individual + combined,
  );
  assert.equal(textOf(subnetEnv(true), { combinedKey, omitIpMasq: true }), individual + combined);
});

test('options of the environment come in as the script takes them', () => {
  const environment = { DOCKER_OPTS: '--debug -H x', DOCKER_OPT_LABEL: '--label=a', DOCKER: 'no' };
  assert.equal(
    textOf(subnetEnv(false), { combined: true }, environment),
    'DOCKER_OPTS="--debug -H x --bip=10.5.52.1/24 --label=a --mtu=1450 "\n',
  );
  assert.equal(
    textOf(subnetEnv(false), { combined: true }, { DOCKER_OPT_BIP: '--bip=1.2.3.4/8' }),
    'DOCKER_OPTS=" --bip=10.5.52.1/24 --mtu=1450 "\n',
    'subnet.env wins',
  );
});

for (const [name, value] of [
  ['FLANNEL_SUBNET', null],
  ['FLANNEL_SUBNET', ''],
  ['FLANNEL_SUBNET', '10.5.52.1'],
  ['FLANNEL_SUBNET', '10.5.52.1/31'],
  ['FLANNEL_SUBNET', '10.5.52.1/x'],
  ['FLANNEL_SUBNET', '10.5.52.1/24/24'],
  ['FLANNEL_SUBNET', '10.5.52.256/24'],
  ['FLANNEL_SUBNET', '10.5.52.1/24 -H tcp://0.0.0.0'],
  ['FLANNEL_IPMASQ', 'TRUE'],
  ['FLANNEL_MTU', null],
  ['FLANNEL_MTU', '0'],
  ['FLANNEL_MTU', '67'],
  ['FLANNEL_MTU', '65536'],
  ['FLANNEL_MTU', '1450$(reboot)'],
] as const) {
  test(`${name}=${value ?? ''} ${value === null ? 'missing ' : ''}is refused by name`, () => {
    const env = subnetEnv(false, { [name]: value });
    assert.throws(() => textOf(env), { code: 'FILE', message: new RegExp(name) });
  });
}

test('what a shell would take for its own is refused', () => {
  for (const value of ['a"b', '$(x)', '`x`', 'a\\', 'a\nb']) {
    for (const environment of [{ DOCKER_OPTS: value }, { DOCKER_OPT_X: value }]) {
      const message = new RegExp(Object.keys(environment)[0] ?? '');
      assert.throws(() => textOf(subnetEnv(false), {}, environment), { code: 'USAGE', message });
    }
  }
});
