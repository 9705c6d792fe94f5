/** Networks of one `run` that fail, come, go and come again. */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/ready.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { missing } from '../dataplane/requirements.ts';
import { openServiceSocket } from '../lifecycle/service_socket.ts';
import { assertRefuses, hostsOf, lacks } from '../lifecycle/support.ts';
import {
  BLUE,
  baseOf,
  envOf,
  eventOf,
  eventsOf,
  GREEN,
  hasLeft,
  initNetwork,
  PREFIX,
  startRun,
} from './support.ts';

const skip = (await missing()) || lacks('etcd', 'etcdctl');

describe('networks that fail, come and go', { skip, concurrency: 1 }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  beforeEach(async () => {
    lab = await createLab({ name: 'networks3', hosts: 2, pods: 0, store: 'etcd' });
    [a, b] = hostsOf(lab);
  });
  afterEach(() => lab.destroy());

  it('one without a config, and one with a bad one, hold up no other; ready tells which', async () => {
    const socket = join(dirname(a.stateDir), 'notify');
    using manager = openServiceSocket(socket);
    await initNetwork(a, 'blue', BLUE);
    await lab.etcd?.ctl(['put', `${PREFIX}/red/config`, '{"Network":"10.13.0.0/8"']);
    const env = { NOTIFY_SOCKET: socket, FLANNELD_HEALTHZ_PORT: '8999' };
    await using run = startRun(a, ['--networks=red,blue', '--networks', 'green'], env);
    await eventOf(run, 'blue', 'synced');
    assert.match((await eventOf(run, 'red', 'error')).message ?? '', /JSON/);
    assert.match((await eventOf(run, 'green', 'error')).message ?? '', /no network config/);
    assert(manager.told().includes('READY=1'));
    const probe = async () =>
      (await a.exec(['curl', '-sS', 'http://127.0.0.1:8999/readyz'])).stdout;
    assert.match(
      await probe(),
      /^red: .*JSON.*; blue: member with 10\.11\..*; green: .*no network/,
    );

    const { stdout: metrics } = await a.exec(['curl', '-sS', 'http://127.0.0.1:8999/metrics']);
    assert.match(metrics, /^tartan_ready\{network="blue"\} 1$/m);
    assert.match(metrics, /^tartan_ready\{network="red"\} 0$/m);

    await initNetwork(a, 'green', GREEN);
    const red = { Network: '10.13.0.0/16', Backend: { Type: 'vxlan', VNI: 3 } };
    await initNetwork(a, 'red', red, '--force');
    await eventOf(run, 'green', 'synced');
    await eventOf(run, 'red', 'synced');
    assert.match(await probe(), /^red: member with .*; blue: member with .*; green: member with/);
    assert.equal((await run.stop()).code, 0);
    assert.equal(baseOf(a, 'red').slice(0, 5), '10.13');
  });

  it('what two cannot share is refused by name, and the first goes on', async () => {
    await initNetwork(a, 'blue', BLUE);
    await initNetwork(a, 'green', { ...GREEN, Network: '10.11.128.0/17' });
    await using run = startRun(a, ['--networks', 'blue,green']);
    const told = (await eventOf(run, 'green', 'error')).message ?? '';
    assert.match(told, /10\.11\.128\.0\/17 overlaps 10\.11\.0\.0\/16 of .* "blue"/);
    await eventOf(run, 'blue', 'synced');
  });

  it('--watch-networks takes up what comes, leaves what goes, and gives the same subnet again', async () => {
    await initNetwork(a, 'blue', BLUE);
    const follow = ['--watch-networks', '--reconcile-interval', '1'];
    await using run = startRun(a, follow);
    await using other = startRun(b, [...follow, '--networks', 'blue,red']);
    for (const one of [run, other]) await eventOf(one, 'blue', 'synced');

    await initNetwork(b, 'green', GREEN);
    const { subnet } = await eventOf(run, 'green', 'joined');
    await eventOf(run, 'green', 'synced');
    const blue = `${baseOf(b, 'blue')}.0`;
    await waitForPing(a, blue);
    const pinging = a.start(['ping', '-n', '-q', '-i', '0.01', blue]);
    await lab.etcd?.ctl(['del', `${PREFIX}/green/config`]);
    await eventOf(run, 'green', 'left');
    assert(hasLeft(a, 'green'));
    await initNetwork(b, 'green', GREEN);
    const before = eventsOf(run).findIndex(({ type }) => type === 'left');
    assert.equal((await eventOf(run, 'green', 'joined', before)).subnet, subnet);
    const { stdout } = await pinging.stop('SIGINT');
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
    assert(Number(sent) - Number(received) <= 1, stdout);
    assert(hasLeft(b, 'green'), 'b was told of blue and red alone');

    assert.equal((await run.stop()).code, 0);
    await lab.etcd?.ctl(['del', `${PREFIX}/green/config`]);
    // A pod's bridge, which is there still.
    const green = subnet?.replace('.0/24', '.1/24') ?? assert.fail();
    await a.shell(`ip link add green0 type veth peer green1; ip address add ${green} dev green0`);
    await using again = startRun(a, follow);
    await eventOf(again, 'green', 'left');
    assert(hasLeft(a, 'green'));
    await eventOf(again, 'blue', 'synced');
    assert.equal((await again.stop()).code, 0);
    await using third = startRun(a, follow);
    await eventOf(third, 'blue', 'synced');
    const { stdout: rules } = await a.exec(['nft', 'list', 'ruleset']);
    assert.match(rules, /ip saddr 10\.11\.0\.0\/16 ip daddr .*10\.12\.0\.0\/16.* drop/);
  });

  it('another prefix says nothing of what was joined under this one', async () => {
    await initNetwork(a, 'blue', BLUE);
    const follow = ['--watch-networks', '--reconcile-interval', '1'];
    {
      await using run = startRun(a, follow);
      await eventOf(run, 'blue', 'synced');
    }
    const put = (name: string, text: string) =>
      lab.etcd?.ctl(['put', `/elsewhere/${name}/config`, text]);
    await put('red', JSON.stringify(GREEN));
    await using run = startRun(a, [...follow, '--etcd-prefix', '/elsewhere']);
    await eventOf(run, 'red', 'synced');
    await lab.etcd?.ctl(['del', '/elsewhere/red/config']);
    await eventOf(run, 'red', 'left');
    assert.equal(baseOf(a, 'blue').slice(0, 5), '10.11');
    const left = eventsOf(run).filter(({ type }) => type === 'left');
    assert.deepEqual(
      left.map(({ network }) => network),
      ['red'],
    );
  });

  it('a directory that cannot be asked changes nothing', async () => {
    await initNetwork(a, 'blue', BLUE);
    await using run = startRun(a, ['--watch-networks', '--reconcile-interval', '1']);
    await eventOf(run, 'blue', 'synced');
    await lab.etcd?.stop();
    await waitFor('it tells', () =>
      eventsOf(run).some(
        ({ type, network, message }) =>
          type === 'error' &&
          network === undefined &&
          /which networks there are/.test(message ?? ''),
      ),
    );
    await lab.etcd?.start();
    await initNetwork(b, 'green', GREEN);
    await eventOf(run, 'green', 'synced');
    assert(!eventsOf(run).some(({ type }) => type === 'left'));
  });

  it('lie in a folder, with the embedded store', async () => {
    const folder = join(dirname(a.stateDir), 'stores');
    const embedded = { FLANNELD_ETCD_ENDPOINTS: '', FLANNELD_STORE: `file:${folder}` };
    const init = (network: string, config: object) =>
      a.tartan(['init-config', JSON.stringify(config)], {
        env: { ...embedded, FLANNELD_STORE: `file:${folder}/${network}.db` },
      });
    await using run = startRun(a, ['--watch-networks', '--reconcile-interval', '1'], embedded);
    await waitFor('it tells of the folder', () => /cannot read the folder/.test(run.stdout()));
    await init('blue', BLUE);
    await eventOf(run, 'blue', 'synced');
    await init('green', GREEN);
    await eventOf(run, 'green', 'synced');
    assert.equal(baseOf(a, 'green').slice(0, 5), '10.12');
  });

  it('are refused where they are none, twice the same, or beside what names one', async () => {
    const usage = { exit: 2, code: 'USAGE' } as const;
    const refuse = (args: string[], message: RegExp, hint: RegExp, env = envOf(a)) =>
      assertRefuses(a, ['run', ...args], { ...usage, message, hint }, { env });
    await refuse(['--networks', 'blue,a/b'], /--networks: "a\/b" cannot be/, /letters/);
    await refuse(
      ['--networks', 'subnets'],
      /"subnets" cannot be/,
      /neither config, subnets nor _ alone/,
    );
    await refuse(['--networks', 'blue,blue'], /"blue" is named twice/, /once/);
    await refuse(['--networks', ''], /--networks: an empty value/, /./);
    await refuse(['--networks', 'blue', '--network', 'green'], /--network green is one/, /Leave/);
    await refuse(['--watch-networks', '--network', 'red'], /--network red is one/, /Leave/);
    const one = { ...envOf(a), FLANNELD_SUBNET_FILE: '/run/x.env' };
    await refuse(['--networks', 'blue'], /--subnet-file \/run\/x\.env is one/, /--subnet-dir/, one);
  });
});
