/** `tartan bench` between two pods, as a user runs it: no store, no lease, no privilege. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { native } from '../../lab/baseline.ts';
import { CHECKOUT } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { Pod } from '../../lab/pod.ts';
import { argumentsOf, processesIn } from '../../lab/proc.ts';
import { type Running, type RunResult, run } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import { waitForPing } from '../../lab/traffic.ts';
import type { BenchResult } from '../../src/bench/result.ts';

const QUICK = ['--seconds', '1', '--repeats', '1', '--streams', '2'];

async function labWithPods(): Promise<{ lab: Lab; from: Pod; to: Pod }> {
  const lab = await createLab({ name: 'benchcmd', underlay: 'pair' });
  await native(lab);
  const [from, to] = lab.hosts.flatMap((host) => host.pods);
  assert(from && to);
  await waitForPing(from, to.address);
  return { lab, from, to };
}

async function serving(pod: Pod, args: readonly string[] = []): Promise<Running> {
  const server = pod.start([TARTAN, 'bench', '--serve', ...args]);
  await waitFor('the bench listens', () => events(server).includes('listening'));
  return server;
}

function events(server: Running): string[] {
  const lines = server.stdout().split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line).type);
}

async function bench(from: Pod, args: readonly string[], mayFail = false): Promise<RunResult> {
  return await from.exec([TARTAN, 'bench', ...args], { mayFail, limitSeconds: 60 });
}

/** Until the end that asks says so; if it ends before, with what it said. */
async function says(asking: Running, text: string): Promise<void> {
  const early = asking.ended.then(({ code, stderr }) => {
    throw new Error(`ended with ${code} before it said '${text}': ${stderr}`);
  });
  const said = waitFor(text, () => asking.stderr().includes(text), { limitSeconds: 20 });
  await Promise.race([said, early]);
}

function runsIperf(pod: Pod): boolean {
  return processesIn([pod.namespace]).some((pid) => argumentsOf(pid)[0] === 'iperf3');
}

async function isEmpty(pod: Pod): Promise<void> {
  await waitFor(
    `no process is left in ${pod.name}`,
    () => processesIn([pod.namespace]).length === 0,
  );
}

describe('tartan bench', async () => {
  const { lab, from, to } = await labWithPods();
  after(() => lab.destroy());

  it('measures both ways, as anybody', async () => {
    await using server = await serving(to);
    const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const first = await from.exec([...asNobody, TARTAN, 'bench', to.address, ...QUICK], {
      limitSeconds: 60,
    });
    const result = JSON.parse(first.stdout) as BenchResult;
    assert.deepEqual(
      result.tcp.map(({ streams }) => streams),
      [1, 2],
    );
    for (const { bitsPerSecond, cpuSecondsPerGigabyte } of result.tcp) {
      assert(bitsPerSecond.median > 1e8, first.stdout);
      assert(cpuSecondsPerGigabyte.sender.median > 0, first.stdout);
    }
    assert(result.packets.receivedPerSecond.median > 10_000, first.stdout);
    const { medianMicroseconds, p99Microseconds } = result.roundTrip;
    assert(medianMicroseconds.median > 0.5 && medianMicroseconds.median < 10_000, first.stdout);
    assert(p99Microseconds.median >= medianMicroseconds.median, first.stdout);
    assert.match(first.stderr, /TCP, one stream, \w+ +\d+\.\d\d Gb\/s/);

    const reverse = await bench(from, [to.address, ...QUICK, '--reverse', '--json']);
    assert.equal(reverse.stderr, '');
    assert.equal((JSON.parse(reverse.stdout) as BenchResult).reverse, true);
    await waitFor('both have been let go', () => events(server).length === 5);
    const { code } = await server.stop('SIGTERM');
    assert.equal(code, 0);
    await isEmpty(to);
  });

  it('says who does not answer, and what is in the way', async () => {
    const nobody = await bench(from, [to.address], true);
    assert.equal(nobody.code, 75);
    assert.match(nobody.stderr, /nobody answers at .*ECONNREFUSED/);

    await using _server = await serving(to);
    const second = await to.exec([TARTAN, 'bench', '--serve'], { mayFail: true });
    assert.deepEqual([second.code, /TCP port 5210 is in use/.test(second.stderr)], [75, true]);

    await using blocker = to.start(['iperf3', '-s', '-p', '5211', '--forceflush']);
    await waitFor('iperf3 listens', () => blocker.stdout().includes('listening'));
    const blocked = await bench(from, [to.address, ...QUICK], true);
    assert.equal(blocked.code, 75);
    assert.match(blocked.stderr, /says: TCP port 5211 is in use/);
  });

  it('says where iperf3 is missing', async () => {
    const script = `${CHECKOUT}/cmd/bench.ts`;
    await using _server = await serving(to);
    const missing = await run(
      [
        ...['/usr/bin/nsenter', `--net=/run/netns/${from.namespace}`, '--'],
        ...[process.execPath, '--disable-warning=ExperimentalWarning', script, to.address],
      ],
      { env: { PATH: '/nonexistent' }, mayFail: true },
    );
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /iperf3 is not installed\nInstall it/);
  });

  it('serves one at a time', async () => {
    await using _server = await serving(to);
    await using busy = from.start([TARTAN, 'bench', to.address, '--seconds', '60']);
    await says(busy, 'TCP, one stream');
    const refused = await bench(from, [to.address], true);
    assert.equal(refused.code, 75);
    assert.match(refused.stderr, /another client is being served/);
  });

  it('ends on a signal in the middle of each test, at both ends', async () => {
    await using server = await serving(to);
    for (const [number, test] of ['TCP, one stream', 'packets', 'round trips'].entries()) {
      await using asking = from.start([TARTAN, 'bench', to.address, '--seconds', '1']);
      await says(asking, test);
      const { code, stdout } = await asking.stop('SIGINT');
      assert.deepEqual([code, stdout], [130, '']);
      await isEmpty(from);
      // One that comes before would be told that another is being served.
      await waitFor('it has gone', () => events(server).length === 1 + 2 * (number + 1));
    }

    await using asking = from.start([TARTAN, 'bench', to.address, '--seconds', '60']);
    await says(asking, 'TCP, one stream');
    assert.equal((await server.stop('SIGTERM')).code, 0);
    const { code, stderr } = await asking.ended;
    assert.equal(code, 75);
    assert.match(stderr, /has ended in the middle/);
    await Promise.all([from, to].map(isEmpty));
  });

  it('leaves no iperf3 behind when either end is killed', async () => {
    for (const victim of ['asking', 'serving'] as const) {
      await using server = await serving(to);
      await using asking = from.start([TARTAN, 'bench', to.address, '--seconds', '60']);
      await waitFor('iperf3 runs', () => runsIperf(from));
      // Not its process group: iperf3 is to be left alone.
      process.kill((victim === 'asking' ? asking : server).pid, 'SIGKILL');
      if (victim === 'asking') await waitFor('it notices', () => events(server).length === 3);
      else assert.equal((await asking.ended).code, 75);
      await server.stop();
      await Promise.all([from, to].map(isEmpty));
    }
  });
});
