import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flannelArguments, refuseWhatIsNotBuilt } from '../../src/cli/flannel_flags.ts';
import { variableOf } from '../../src/cli/options.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';

/** flanneld's flags that have a meaning here, with a value that it takes. */
const TAKEN: readonly (readonly [flag: string, value: string])[] = [
  ['etcd-endpoints', 'http://127.0.0.1:4001,http://127.0.0.1:2379'],
  ['etcd-prefix', '/coreos.com/network'],
  ['etcd-cafile', '/etc/ca.pem'],
  ['etcd-username', 'flannel'],
  ['etcd-password', 'secret'],
  ['listen', '10.0.0.1:8889'],
  ['remote', '10.0.0.1:8889'],
  ['remote-cafile', '/etc/ca.pem'],
  ['iface', 'eth1'],
  ['iface-regex', '^eth[12]$'],
  ['iface-can-reach', '198.51.100.7'],
  ['public-ip', '203.0.113.7'],
  ['subnet-file', '/run/flannel/subnet.env'],
  ['networks', 'blue,green'],
  ['subnet-dir', '/run/flannel/networks'],
  ['subnet-lease-renew-margin', '60'],
  ['iptables-forward-rules', 'false'],
  ['iptables-resync', '5'],
  ['healthz-ip', '127.0.0.1'],
  ['healthz-port', '8080'],
  ['v', '10'],
];

/** All its others; certificates and their keys belong together, and are tested in parse_test.ts. */
const NOT_BUILT = [
  ...['kube-subnet-mgr', 'kube-api-url', 'kubeconfig-file'],
  ...['kube-annotation-prefix', 'net-config-path'],
];

function optionsIn(argv: readonly string[]): Record<string, unknown> {
  const parsed = parseCommandLine('run', argv, {});
  assert(parsed.kind === 'run');
  return parsed.options;
}

for (const [flag, value] of TAKEN) {
  test(`-${flag} is taken in each of Go's spellings`, () => {
    const expected = optionsIn(flag === 'v' ? ['--log-level', 'debug'] : [`--${flag}`, value]);
    for (const argv of [
      [`-${flag}=${value}`],
      [`--${flag}=${value}`],
      [`-${flag}`, value],
      [`--${flag}`, value],
    ]) {
      assert.deepEqual(optionsIn(argv), expected, argv.join(' '));
    }
  });
}

/** Go takes no word after a switch. */
for (const flag of ['ip-masq', 'ip-blackhole-route', 'watch-networks']) {
  test(`-${flag} is taken in each of Go's spellings`, () => {
    for (const argv of [[`-${flag}`], [`--${flag}`], [`-${flag}=true`], [`--${flag}=1`]]) {
      assert.deepEqual(optionsIn(argv), { ...optionsIn([]), [flag]: true }, argv.join(' '));
    }
    assert.deepEqual(optionsIn([`-${flag}=false`]), optionsIn([]));
  });
}

for (const flag of NOT_BUILT) {
  test(`-${flag} is refused by name, and taken where it asks for nothing`, () => {
    const refused = { code: 'USAGE', message: new RegExp(`^--${flag} is`) };
    for (const argv of [[`-${flag}`], [`--${flag}=true`], [`-${flag}`, 'x']]) {
      assert.throws(() => flannelArguments(argv), refused);
    }
    assert.deepEqual(flannelArguments([`--${flag}=false`, `-${flag}=`, '-v=0']), ['-v', '0']);
    const variable = variableOf(flag as Parameters<typeof variableOf>[0]);
    assert.throws(() => refuseWhatIsNotBuilt({ [variable]: 'true' }), {
      code: 'USAGE',
      message: new RegExp(`^${variable} is`),
    });
    refuseWhatIsNotBuilt({ [variable]: 'false' });
    refuseWhatIsNotBuilt({ [variable]: '' });
  });
}

test('a switch takes a value in Go, a wrong one is refused, and so is what nobody knows', () => {
  assert.equal(optionsIn(['-force=true']).force, true);
  assert.equal(optionsIn(['-force=F']).force, false);
  assert.throws(() => optionsIn(['-force=maybe']), { code: 'USAGE', message: /--force: "maybe"/ });
  assert.throws(() => optionsIn(['-nothing=1']), { code: 'USAGE', message: /nothing/ });
  assert.throws(() => optionsIn(['-v=x']), { code: 'USAGE' });
  assert.equal(optionsIn(['-v=0'])['log-level'], 'info');
});

test('what is on by default takes a word, and alone it is on, as in Go', () => {
  const of = (...argv: string[]) => optionsIn(argv)['iptables-forward-rules'];
  assert.equal(of('-iptables-forward-rules'), true);
  assert.equal(of('-iptables-forward-rules', '-iface=eth0'), true);
  assert.equal(of('--iptables-forward-rules', 'false'), false);
  assert.throws(() => of('-iptables-forward-rules=maybe'), {
    code: 'USAGE',
    message: /--iptables-forward-rules: "maybe"/,
  });
});

test('a value that looks like a flag stays one', () => {
  const argv = ['--on-subnet-change', 'logger -t net', '-iface', 'eth0'];
  assert.deepEqual(flannelArguments(argv), [
    ...['--on-subnet-change', 'logger -t net', '--iface', 'eth0'],
  ]);
});

test('each flag that is taken has its variable, -v too', () => {
  for (const [flag, value] of TAKEN) {
    const variable = `FLANNELD_${flag.toUpperCase().replaceAll('-', '_')}`;
    const expected = optionsIn(flag === 'v' ? ['--log-level', 'debug'] : [`--${flag}`, value]);
    const parsed = parseCommandLine('run', [], { [variable]: value });
    assert(parsed.kind === 'run');
    assert.deepEqual(parsed.options, expected, variable);
  }
  const both = parseCommandLine('run', [], { FLANNELD_V: '0', FLANNELD_LOG_LEVEL: 'error' });
  assert(both.kind === 'run');
  assert.equal(both.options['log-level'], 'error');
  const wrong = { code: 'USAGE', message: /^FLANNELD_V: "loud"/ };
  assert.throws(() => parseCommandLine('run', [], { FLANNELD_V: 'loud' }), wrong);
});
