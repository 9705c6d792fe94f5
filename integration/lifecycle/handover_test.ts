/** `run` starts anew, ends by kill -9, and gives way to another version and back, while packets flow: none is lost. */
import assert from 'node:assert/strict';
import {
  cpSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CHECKOUT, type Host } from '../../lab/host.ts';
import type { Namespace } from '../../lab/namespace.ts';
import { startPinging } from '../../lab/pinging.ts';
import { type Running, run } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import { listGenerations, pinsOf } from '../../src/bpf/pins.ts';
import { OTHER_BUILD } from '../bpf/compile.ts';
import type { Carrier } from '../carriers/contract.ts';
import { HOST_GW, HOST_GW_FAST } from '../carriers/host_gw.ts';
import { UDP, UDP_FAST, UDP_USER } from '../carriers/udp.ts';
import { VXLAN, VXLAN_FAST, VXLAN_KERNEL } from '../carriers/vxlan.ts';
import { createNetwork, type Member, type Network } from '../dataplane/network.ts';
import { missing } from '../dataplane/requirements.ts';
import { lacks } from './support.ts';

const CARRIERS = [VXLAN, VXLAN_FAST, VXLAN_KERNEL, UDP, UDP_FAST, UDP_USER, HOST_GW, HOST_GW_FAST];

const skip = (await missing()) || lacks('iperf3', 'make', 'clang');

/** At this pace, 500 a second each way, every moment of a handover has a packet. */
const INTERVAL_MS = 2;

/** Well below what a small machine carries: what is lost is not lost for want of room. */
const DATAGRAMS = ['-u', '-b', '20M', '-l', '1000', '-w', '4M'];
const STREAM = ['-b', '200M'];

/** Longer than it takes; it is ended when all is done. */
const LIMIT_SECONDS = 240;

/** The same commands with other programs, as another version has them. */
let otherVersion: string;
before(async () => {
  if (skip) return;
  otherVersion = mkdtempSync(joinPath(tmpdir(), 'tartan-other-'));
  for (const part of ['bin', 'bpf', 'cmd', 'src', 'scripts', 'Makefile', 'package.json']) {
    cpSync(joinPath(CHECKOUT, part), joinPath(otherVersion, part), { recursive: true });
  }
  symlinkSync(joinPath(CHECKOUT, 'node_modules'), joinPath(otherVersion, 'node_modules'));
  for (const [text, by] of OTHER_BUILD) {
    const files = globSync('bpf/**/*.{c,h}', { cwd: otherVersion })
      .map((name) => joinPath(otherVersion, name))
      .filter((path) => readFileSync(path, 'utf8').includes(text));
    assert.equal(files.length, 1, text);
    for (const path of files) writeFileSync(path, readFileSync(path, 'utf8').replace(text, by));
  }
  await run(['make', '-C', otherVersion, 'bpf']);
});
after(() => otherVersion && rmSync(otherVersion, { recursive: true }));

for (const carrier of CARRIERS) {
  describe(`run is handed over under traffic, ${carrier.name}`, { skip, concurrency: 1 }, () =>
    testHandover(carrier),
  );
}

function testHandover(carrier: Carrier): void {
  let network: Network;
  const runs = new Map<Host, Running>();
  before(async () => {
    network = await createNetwork({ name: 'handover' }, carrier);
    await takeOver();
  });
  after(async () => {
    for (const running of runs.values()) await running.stop();
    await network?.lab.destroy();
  });

  /** Starts `run` of a version on both hosts, and waits until the kernel is in step. */
  async function takeOver(version = TARTAN): Promise<void> {
    const { a, b } = network;
    for (const { host } of [a, b]) {
      const running = host.start([version, 'run', '--reconcile-interval', '1'], { env: host.env });
      runs.set(host, running);
      await waitFor('it is in step', () => {
        assert.doesNotMatch(running.stdout(), /"type":"error"/);
        return running.stdout().includes('"synced"');
      });
    }
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    for (const running of runs.values()) await running.stop(signal);
    runs.clear();
  }

  const generations = () =>
    [network.a, network.b].map(({ host }) => listGenerations(pinsOf(host.bpffs, 'default')).join());

  const handovers = {
    'ended and started again': async () => {
      await end('SIGTERM');
      await takeOver();
    },
    'killed and started again': async () => {
      await end('SIGKILL');
      await takeOver();
    },
    'upgraded, programs as well': async () => {
      const before = generations();
      await end('SIGTERM');
      await takeOver(joinPath(otherVersion, 'bin/tartan'));
      if (carrier.programs !== null) assert.notDeepEqual(generations(), before);
    },
    'and downgraded': async () => {
      const before = generations();
      await end('SIGTERM');
      await takeOver();
      if (carrier.programs !== null) assert.notDeepEqual(generations(), before);
    },
  };

  for (const [how, handOver] of Object.entries(handovers)) {
    it(`${how}: no ping and no datagram is lost, and the stream goes on`, async () => {
      const { a, b } = network;
      const pings = [startPinging(a.pod, b.pod.address, INTERVAL_MS)];
      pings.push(startPinging(b.pod, a.pod.address, INTERVAL_MS));
      const datagrams = await startIperf(a.pod, b, 5201, DATAGRAMS);
      const stream = await startIperf(b.pod, a, 5202, STREAM);
      await Promise.all([...pings.map(flows), datagrams.flows(), stream.flows()]);
      await handOver();
      // And a while longer: what broke last is seen as well.
      await Promise.all([...pings.map(flows), datagrams.flows(), stream.flows()]);
      const tallies = await Promise.all(pings.map((pinging) => pinging.stop()));
      const [sent, carried] = [await datagrams.end(), await stream.end()];
      for (const { answered, lost, gaps } of tallies) {
        assert.equal(lost, 0, JSON.stringify(gaps));
        assert(answered > 200, `${answered} pings`);
      }
      assert.equal(sent.lost, 0, JSON.stringify(sent));
      assert(sent.packets > 1000, JSON.stringify(sent));
      assert(carried.bytes > 1_000_000, JSON.stringify(carried));
    });
  }
}

/** Waits until it has got a hundred answers more. */
async function flows(pinging: ReturnType<typeof startPinging>): Promise<void> {
  const { answered } = pinging.tally();
  await waitFor('pings are answered', () => pinging.tally().answered > answered + 100);
}

interface Received {
  readonly bytes: number;
  /** Of datagrams. */
  readonly packets: number;
  readonly lost: number;
}

interface Iperf {
  /** Waits until it has told of two seconds more. */
  flows(): Promise<void>;
  /** What the server has received. */
  end(): Promise<Received>;
}

async function startIperf(
  from: Namespace,
  { pod }: Member,
  port: number,
  args: readonly string[],
): Promise<Iperf> {
  const server = pod.start(['iperf3', '-s', '-1', '-p', `${port}`, '--forceflush']);
  await waitFor('iperf3 listens', () => server.stdout().includes('listening'));
  const to = ['-c', pod.address, '-p', `${port}`, '-t', `${LIMIT_SECONDS}`];
  const client = from.start([...['iperf3', ...to, '--forceflush'], ...args]);
  /** What the server tells of each second. */
  const seconds = () => server.stdout().match(/^\[ +\d+\] +\d+\.\d+-\d+\.\d+ +sec .*$/gm) ?? [];
  return {
    async flows() {
      const told = seconds().length;
      await waitFor('iperf3 goes on', () => seconds().length > told + 1);
    },
    async end() {
      await client.stop('SIGINT');
      await server.stop('SIGINT');
      return receivedOf(seconds());
    },
  };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** From lines such as `[  5]  0.00-1.00 sec  2.38 MBytes  20.0 Mbits/sec  0.01 ms  0/2500 (0%)`. */
function receivedOf(lines: readonly string[]): Received {
  let [bytes, packets, lost] = [0, 0, 0];
  for (const line of lines) {
    const [, amount, unit = ''] = / ([\d.]+) ([KMG]?)Bytes /.exec(line) ?? [];
    bytes += Number(amount) * (UNITS[unit] ?? 0);
    const [, missed, all] = / (\d+)\/(\d+) \(/.exec(line) ?? [];
    packets += Number(all ?? 0);
    lost += Number(missed ?? 0);
  }
  return { bytes, packets, lost };
}
