import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { COMMAND_NAMES } from '../../src/cli/commands.ts';
import {
  type CommandName,
  OPTIONS,
  type OptionName,
  type Options,
  optionsOf,
  variableOf,
} from '../../src/cli/options.ts';
import {
  commandNamed,
  type Environment,
  parseCommandLine,
  wantsJson,
} from '../../src/cli/parse.ts';
import { TartanError } from '../../src/errors.ts';

function optionsIn(
  command: CommandName,
  argv: readonly string[],
  environment: Environment = {},
): Options {
  const parsed = parseCommandLine(command, argv, environment);
  assert(parsed.kind === 'run');
  return parsed.options;
}

function usageError(message: RegExp) {
  return (error: unknown) => {
    assert(error instanceof TartanError);
    assert.equal(error.exitCode, 2);
    assert.match(error.message, message);
    assert.notEqual(error.hint, '');
    return true;
  };
}

test('without flags and variables everything stands at its default', () => {
  const options = optionsIn('join', []);
  assert.equal(options['etcd-prefix'], '/coreos.com/network');
  assert.equal(options['subnet-file'], '/run/flannel/subnet.env');
  assert.equal(options['subnet-lease-renew-margin'], 60);
  assert.equal(options.bpffs, '/sys/fs/bpf');
  assert.equal(options['state-dir'], '/run/tartan');
  assert.equal(options.store, null);
  assert.equal(options.attach, 'auto');
  assert.deepEqual(options.iface, []);
  assert.equal(options['dry-run'], false);
});

test('the flag wins over the variable, and an empty variable counts as absent', () => {
  const variables = { FLANNELD_SUBNET_FILE: '/from/variable', FLANNELD_BPFFS: '' };
  assert.equal(optionsIn('join', [], variables)['subnet-file'], '/from/variable');
  assert.equal(optionsIn('join', [], variables).bpffs, '/sys/fs/bpf');
  const argv = ['--subnet-file', '/from/flag'];
  assert.equal(optionsIn('join', argv, variables)['subnet-file'], '/from/flag');
});

test('every option of every command has its variable', () => {
  const samples: Partial<Record<OptionName, string>> = {
    store: 'file:/s',
    'public-ip': '1.2.3.4',
    'iface-can-reach': '1.2.3.4',
    'subnet-lease-renew-margin': '5',
    'reconcile-interval': '5',
    'iptables-forward-rules': 'false',
    'iptables-resync': '5',
    attach: 'clsact',
    dataplane: 'kernel',
    'combined-key': 'X',
    bind: '127.0.0.1',
    'healthz-ip': '127.0.0.1',
    'healthz-port': '7',
    port: '7',
    'listen-port': '7',
    seconds: '7',
    interval: '7',
    streams: '7',
    repeats: '7',
    'log-level': 'debug',
    authorize: 'none',
    'max-connections': '7',
    'max-connections-per-address': '7',
  };
  for (const command of COMMAND_NAMES) {
    const argv =
      { 'init-config': ['{}'], endpoint: ['list'], lease: ['list'] }[command as string] ?? [];
    for (const name of optionsOf(command)) {
      // A certificate without its key is refused.
      if (/-(key|cert)file$/.test(name)) continue;
      const sample = samples[name] ?? 'true';
      const options = optionsIn(command, argv, { [variableOf(name)]: sample });
      assert.notDeepEqual(options[name], OPTIONS[name].initial, `${command} ${variableOf(name)}`);
    }
  }
});

test('a variable of an option that the command does not have is none of its business', () => {
  assert.equal(optionsIn('renew', [], { FLANNELD_PUBLIC_IP: 'junk' })['public-ip'], null);
});

test('--iface keeps its order, repeated or with commas', () => {
  const repeated = optionsIn('join', ['--iface', 'eth1', '--iface=10.0.0.1']);
  assert.deepEqual(repeated.iface, ['eth1', '10.0.0.1']);
  const inVariable = optionsIn('join', [], { FLANNELD_IFACE: 'eth1, 10.0.0.1' });
  assert.deepEqual(inVariable.iface, ['eth1', '10.0.0.1']);
});

test('bad values are named together with where they came from', () => {
  const bad: [string[], Environment, RegExp][] = [
    [['--public-ip', '0.0.0.0'], {}, /--public-ip: "0\.0\.0\.0" is not the address of a host/],
    [['--public-ip', '127.0.0.1'], {}, /--public-ip: "127\.0\.0\.1" is not the address of a host/],
    [['--public-ip', '1.2.3'], {}, /--public-ip: "1\.2\.3" is not an IPv4 address/],
    [['--public-ip', '::1'], {}, /--public-ip: "::1"/],
    [
      ['--subnet-lease-renew-margin', '0'],
      {},
      /renew-margin: "0" is not a whole number from 1 to 1439/,
    ],
    [['--subnet-lease-renew-margin', '1440'], {}, /"1440"/],
    [['--subnet-lease-renew-margin', '1.5'], {}, /"1\.5"/],
    [
      [],
      { FLANNELD_SUBNET_LEASE_RENEW_MARGIN: '60m' },
      /^FLANNELD_SUBNET_LEASE_RENEW_MARGIN: "60m"/,
    ],
    [[], { FLANNELD_DRY_RUN: 'yes' }, /^FLANNELD_DRY_RUN: "yes" is neither true nor false/],
    [['--log-level', 'loud'], {}, /--log-level: "loud"/],
    [['--subnet-file', ''], {}, /--subnet-file: an empty value/],
    [['--no-such'], {}, /unknown option '--no-such'/],
    [['--subnet-file'], {}, /argument missing/],
    [['surplus'], {}, /too many arguments/],
    [['--keep-lease'], {}, /unknown option '--keep-lease'/],
    [['--attach', 'tc'], {}, /--attach: "tc" is not known/],
    [['--store', 'file:/x', '--etcd-endpoints', 'http://e:1'], {}, /two stores are named/],
    [['--store', 'file:/x'], { FLANNELD_ETCD_ENDPOINTS: 'http://e:1' }, /two stores are named/],
    [['--etcd-certfile', '/c'], {}, /belong together/],
    [['--remote-keyfile', '/k'], {}, /--remote-certfile and --remote-keyfile belong together/],
    [
      ['--store', 'file:/x', '--remote', 'a:1'],
      {},
      /two stores are named: file:\/x and the server a:1/,
    ],
    [
      ['--remote', 'a:1'],
      { FLANNELD_ETCD_ENDPOINTS: 'http://e:1' },
      /etcd http:\/\/e:1 and the server/,
    ],
  ];
  for (const [argv, environment, message] of bad) {
    assert.throws(() => parseCommandLine('join', argv, environment), usageError(message));
  }
});

test('--listen and --remote exclude each other, and serve has no --remote', () => {
  const both = ['--listen', '10.0.0.1:1', '--remote', 'me:hunter2@b:2'];
  assert.throws(
    () => parseCommandLine('run', both, {}),
    (error: TartanError) => {
      assert.match(error.message, /--listen 10\.0\.0\.1:1 and --remote …@b:2 exclude each other/);
      return usageError(/./)(error);
    },
  );
  assert.throws(() => parseCommandLine('serve', both, {}), usageError(/unknown option '--remote'/));
});

test('a secret is never part of an error', () => {
  const lines = [
    ['--etcd-password', 'hunter2', '--no-such'],
    ['--etcd-pasword=hunter2'],
    ['--store', 'http://me:hunter2@a', '--etcd-endpoints', 'http://me:hunter2@b'],
    ['--remote', 'me:hunter2@a:1', '--etcd-endpoints', 'http://me:hunter2@b'],
  ];
  for (const argv of lines) {
    assert.throws(
      () => parseCommandLine('join', argv, {}),
      (error: TartanError) => !`${error.message} ${error.hint}`.includes('hunter2'),
    );
  }
});

test('init-config takes exactly one argument', () => {
  const parsed = parseCommandLine('init-config', ['-'], {});
  assert(parsed.kind === 'run');
  assert.equal(parsed.argument, '-');
  assert.throws(() => parseCommandLine('init-config', [], {}), usageError(/missing.*config/));
  assert.throws(() => parseCommandLine('init-config', ['a', 'b'], {}), usageError(/too many/));
});

test('the help of each command names its options, their variables and examples', () => {
  for (const command of COMMAND_NAMES) {
    const parsed = parseCommandLine(command, ['--help'], {});
    assert(parsed.kind === 'help');
    for (const name of optionsOf(command)) {
      assert.match(parsed.text, new RegExp(`--${name}\\b`));
      assert.match(parsed.text, new RegExp(`\\[${variableOf(name)}\\]`));
    }
    assert.match(parsed.text, new RegExp(`Examples:\n(.*\n)*.*tartan ${command}`));
  }
});

test('whatever is typed gives options or wrong use, never anything else', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(...(Object.keys(OPTIONS) as OptionName[]).map((name) => `--${name}`)),
    fc.constantFrom('--', '-v', '--iface=', '1.2.3.4', 'true', '60'),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...COMMAND_NAMES),
      fc.array(word, { maxLength: 6 }),
      (name, argv) => {
        try {
          parseCommandLine(name, argv, {});
        } catch (error) {
          assert(error instanceof TartanError && error.code === 'USAGE', String(error));
        }
      },
    ),
  );
});

test('a word that is no command is wrong use', () => {
  assert.equal(commandNamed('join'), 'join');
  assert.throws(() => commandNamed('toString'), usageError(/"toString" is not a command/));
});

test('--json is known before the rest of the line is', () => {
  assert.equal(wantsJson(['--no-such', '--json'], {}), true);
  assert.equal(wantsJson([], { FLANNELD_JSON: 'true' }), true);
  assert.equal(wantsJson([], { FLANNELD_JSON: '' }), false);
  assert.equal(wantsJson([], { FLANNELD_JSON: 'junk' }), false);
});

test('bench takes its address or none, and numbers within bounds', () => {
  const parsed = parseCommandLine('bench', ['10.5.2.2', '-P', '8', '-t', '10', '-R'], {});
  assert(parsed.kind === 'run');
  assert.equal(parsed.argument, '10.5.2.2');
  const { streams, seconds, reverse, repeats, port } = parsed.options;
  assert.deepEqual([streams, seconds, reverse, repeats, port], [8, 10, true, 3, 5210]);
  const serving = parseCommandLine('bench', ['--serve', '--bind', '127.0.0.1'], {});
  assert(serving.kind === 'run');
  assert.deepEqual([serving.argument, serving.options.bind], [null, '127.0.0.1']);

  const bad: [string[], RegExp][] = [
    [['--seconds', '0'], /--seconds: "0"/],
    [['--seconds', '0.5'], /--seconds: "0\.5"/],
    [['--streams', '129'], /--streams: "129"/],
    [['--repeats', '0'], /--repeats: "0"/],
    [['--port', '65535'], /--port: "65535"/],
    [['--bind', 'eth0'], /--bind: "eth0" is not an IPv4 address/],
    [['10.0.0.1', '10.0.0.2'], /too many arguments/],
    [['--store', 'file:/x'], /unknown option '--store'/],
  ];
  for (const [argv, message] of bad) {
    assert.throws(() => parseCommandLine('bench', argv, {}), usageError(message));
  }
});

test('the looks of a live screen have a sensible pace', () => {
  assert.equal(optionsIn('status', []).interval, 2);
  for (const text of ['0', '3601', '1.5', 'often']) {
    const message = new RegExp(`^--interval: "${text}" is not a whole number from 1 to 3600`);
    assert.throws(() => optionsIn('status', ['--watch', '--interval', text]), usageError(message));
  }
});
