/** A host where much goes on that is none of our business does not keep `watch` busy. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { looksOf, startHourly } from './host_changes.ts';
import { hostsOf, initConfig, join } from './support.ts';
import type { Watching } from './watching.ts';

/** A rest of 400 ms between readings, the look at the pins, Node's own housekeeping; doubled. */
const WAKES_PER_SECOND = 10;

/** The first rests of a storm are short ones. */
const FIRST_WAKES = 40;

/**
 * As much as the same time without a storm and the mending of one thing, this many times: what a wake costs differs from
 * one second to the next. Idle or busy, machines have shown up to 1.1.
 */
const STORM_COSTS = 2;

/** The least rest between two looks is 250 ms. */
const MOST_LOOKS_PER_SECOND = 4;

/** How long it is watched without any storm, for what it does then. */
const CALM_MS = 5000;

/** That nothing comes of it can only be told by waiting: what is of concern leads to a look within a second. */
const QUIET_MS = 1000 * PATIENCE;

/** `sysconf(_SC_CLK_TCK)`: 100 on every architecture that Node runs on. */
const TICK_MS = 10;

describe('a busy host', () => {
  let lab: Lab;
  let a: Host;
  let watching: Watching;
  /** Of CPU time: for each ms without a storm, and what it takes to mend one thing, by two looks. */
  let calm = { share: 0, mending: 0 };
  before(async () => {
    lab = await createLab({ name: 'hoststorm', hosts: 1, pods: 0 });
    [a] = hostsOf(lab);
    await initConfig(lab);
    await join(a);
    watching = await startHourly(a);
    await provoke();
    const start = effort();
    await delay(CALM_MS);
    const calmed = effort();
    await provoke();
    calm = {
      share: (calmed.cpuMs - start.cpuMs) / (calmed.at - start.at),
      mending: effort().cpuMs - calmed.cpuMs,
    };
  });
  after(async () => {
    await watching?.running.stop();
    await lab?.destroy();
  });

  /** Something that it must heed, so that all before it has been heard: one look repairs it, another finds nothing. */
  async function provoke(): Promise<void> {
    const seen = watching.events().length;
    const looksBefore = looks();
    await a.shell('ip link set flannel.1 mtu 1000');
    await watching.event('reconciled', seen);
    await waitFor('a look at what was repaired', () => looks() >= looksBefore + 2);
  }

  const looks = () => looksOf(watching);

  /** What it has done so far: CPU time, with that of the commands it has run, and how often its main thread woke. */
  const effort = () => {
    const proc = `/proc/${watching.running.pid}`;
    const stat = readFileSync(`${proc}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    const status = readFileSync(`${proc}/status`, 'utf8');
    const wakes = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
    return { at: performance.now(), looks: looks(), wakes, cpuMs: ticks * TICK_MS };
  };

  const numbers = Array.from({ length: 1000 }, (_, at) => at);
  const batch = (command: string, lines: readonly string[]) =>
    a.exec([command, '-batch', '-'], { input: lines.join('\n') });

  for (const [name, begins, ends] of [
    [
      '1,000 veths',
      () =>
        batch('ip', [
          ...numbers.slice(0, 500).map((at) => `link add va${at} type veth peer name vb${at}`),
          ...numbers.slice(0, 500).map((at) => `link set va${at} up`),
        ]),
      () =>
        batch('ip', ['link set lo up', ...numbers.slice(0, 500).map((at) => `link del va${at}`)]),
    ],
    [
      '1,000 routes',
      () =>
        batch(
          'ip',
          numbers.map((at) => `route add 172.16.${at >> 8}.${at & 255} dev lo`),
        ),
      () => batch('ip', ['route flush root 172.16.0.0/16']),
    ],
    [
      'routes to 1,000 own pods',
      () => batch('ip', podRoutes('add')),
      () => batch('ip', podRoutes('delete')),
    ],
    [
      '1,000 neighbours',
      () =>
        batch(
          'ip',
          numbers.map(
            (at) => `neigh add 172.16.${at >> 8}.${at & 255} lladdr 02:00:00:00:00:01 dev eth0`,
          ),
        ),
      () => batch('ip', ['neigh flush nud permanent dev eth0']),
    ],
    [
      '1,000 rules of nftables',
      () =>
        a.exec(['nft', '-f', '-'], {
          input: `table ip busy { chain c { ${'ip saddr 10.9.9.9 counter accept;\n'.repeat(1000)}}\n}`,
        }),
      () => a.exec(['nft', 'delete', 'table', 'ip', 'busy']),
    ],
  ] as const) {
    it(`does not look at ${name} that come and go`, async () => {
      const before = effort();
      await begins();
      await ends();
      await delay(QUIET_MS);
      const storm = effort();
      await provoke();
      assert.equal(looks() - before.looks, 2, 'looks');
      const ms = storm.at - before.at;
      const wakes = storm.wakes - before.wakes;
      const mostWakes = FIRST_WAKES + (WAKES_PER_SECOND * ms) / 1000;
      assert(wakes <= mostWakes, `woken ${wakes} times in ${ms} ms, of ${mostWakes}`);
      // Compared with what the same process does elsewhere in this run: how fast a machine wakes up is its own matter.
      const cpuMs = storm.cpuMs - before.cpuMs;
      const mostMs = STORM_COSTS * (calm.mending + calm.share * ms);
      assert(cpuMs <= mostMs, `${cpuMs} ms of CPU time in ${ms} ms, of ${mostMs}`);
    });
  }

  it('looks a few times, not a thousand, while the underlay keeps changing', async () => {
    const looksBefore = looks();
    const startedAt = performance.now();
    while (performance.now() - startedAt < 3000) {
      await batch(
        'ip',
        numbers.map((at) => `link set eth0 mtu ${1400 + (at % 100)}`),
      );
    }
    await batch('ip', ['link set eth0 mtu 1500']);
    await provoke();
    const seconds = (performance.now() - startedAt) / 1000;
    const most = 3 + MOST_LOOKS_PER_SECOND * seconds;
    assert(looks() - looksBefore <= most, `${looks() - looksBefore} looks in ${seconds} s`);
  });

  /** Of a CNI plugin that cables each pod by itself. */
  function podRoutes(verb: string): string[] {
    const subnet = /FLANNEL_SUBNET=(\d+\.\d+\.\d+)\./.exec(readFileSync(a.subnetFile, 'utf8'))?.[1];
    return numbers.slice(2, 250).map((at) => `route ${verb} ${subnet}.${at} dev lo`);
  }
});
