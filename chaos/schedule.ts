/** What is done and when: the same for the same seed. Touches nothing. */
import { type Random, seededRandom } from '../integration/bpf/random.ts';
import { type Act, type ActKind, BREAKAGES, durationOf, hostsOf, type Planned } from './acts.ts';

export interface ScheduleSettings {
  readonly seed: number;
  /** All acts are over after so long. */
  readonly seconds: number;
  readonly hosts: readonly string[];
}

/** How often each kind is drawn, of their sum. */
const WEIGHTS: Readonly<Record<ActKind, number>> = {
  'kill-watch': 8,
  'kill-renew': 5,
  'kill-join': 4,
  'kill-etcd': 4,
  compact: 4,
  'cut-store': 7,
  'cut-hosts': 5,
  unplug: 4,
  flap: 4,
  break: 8,
  'step-clock': 6,
  expire: 3,
  rejoin: 3,
  reboot: 3,
};

const KINDS = Object.entries(WEIGHTS).flatMap(([kind, weight]) =>
  Array<ActKind>(weight).fill(kind as ActKind),
);

/** Between one act and the next, somewhere. */
const LONGEST_GAP_MS = 1_500;

/** A host is left alone for so long after an act: time to mend. */
export const REST_MS = 4_000;

/** etcd is there for so long between two deaths: else nobody would ever hear anything. */
const ETCD_REST_MS = 6_000;

const HOUR_SECONDS = 3_600;
const CLOCK_STEPS = [-48, -25, -1, -0.02, 0.02, 1, 22, 25, 48].map((hours) => hours * HOUR_SECONDS);

/** @returns acts in the order of their time */
export function planSchedule({ seed, seconds, hosts }: ScheduleSettings): Planned[] {
  const random = seededRandom(seed);
  const planned: Planned[] = [];
  const freeAt = new Map<string, number>();
  let etcdFreeAt = 0;
  for (let atMs = 0; ; ) {
    atMs += 100 + random.below(LONGEST_GAP_MS);
    if (atMs >= seconds * 1000) return planned;
    const free = hosts.filter((host) => (freeAt.get(host) ?? 0) <= atMs);
    const act = drawAct(random, free);
    if (act === null) continue;
    const endMs = atMs + durationOf(act);
    if (endMs > seconds * 1000) continue;
    if (act.kind === 'kill-etcd') {
      if (etcdFreeAt > atMs) continue;
      etcdFreeAt = endMs + ETCD_REST_MS;
    }
    for (const host of hostsOf(act)) freeAt.set(host, endMs + REST_MS);
    planned.push({ atMs, act });
  }
}

/** @returns null if it takes hosts that are not free */
function drawAct(random: Random, free: readonly string[]): Act | null {
  const kind = random.pick(KINDS);
  // Drawn in any case, so that what comes next depends on the seed alone.
  const [first, second] = [random.below(free.length || 1), random.below(free.length - 1 || 1)];
  const ms = (least: number, most: number) => least + random.below(most - least);
  const host = free[first];
  const other = free.filter((candidate) => candidate !== host)[second];
  if (kind === 'kill-etcd') return { kind, downMs: ms(200, 5_000) };
  if (kind === 'compact') return { kind };
  if (host === undefined) return null;
  switch (kind) {
    case 'kill-watch':
      return { kind, host, downMs: ms(0, 3_000) };
    case 'kill-renew':
      return { kind, host, afterMs: ms(100, 1_500) };
    case 'kill-join':
      return { kind, host, afterMs: ms(100, 2_000) };
    case 'cut-store': {
      const forMs = ms(500, 10_000);
      const breaks = random.once(3) ? random.pick(BREAKAGES) : null;
      const lease = random.pick([null, null, 'expires', 'is taken'] as const);
      return { kind, host, forMs, isDue: random.once(2), breaks, lease };
    }
    case 'cut-hosts':
      return other === undefined ? null : { kind, host, other, forMs: ms(500, 8_000) };
    case 'unplug':
      return { kind, host, forMs: ms(200, 6_000) };
    case 'flap':
      return { kind, host, times: ms(1, 5), forMs: ms(50, 800) };
    case 'break':
      return { kind, host, what: random.pick(BREAKAGES) };
    case 'step-clock':
      return { kind, host, seconds: random.pick(CLOCK_STEPS) };
    case 'expire':
      return { kind, host };
    case 'rejoin':
    case 'reboot':
      return { kind, host, downMs: ms(0, 2_000) };
  }
}
