/** Members to be measured, as far as a scrape sees them. */
import type { MemberFigures, ProgramTraffic } from '../../src/agent/figures.ts';
import type { MetricsOptions } from '../../src/serve/metrics.ts';
import type { Source } from '../../src/serve/reading.ts';

export const FIGURES: MemberFigures = {
  lease: {
    subnet: '10.5.1.0/24',
    publicIp: '192.168.64.3',
    overlay: '10.5.0.0/16',
    backend: 'vxlan',
    mode: 'default',
    interface: 'eth0',
    ageSeconds: 60.5,
    expiresAtSeconds: 1_800_000_000.25,
  },
  revision: 17,
  peersDesired: 2,
  peersProgrammed: 1,
  differences: 3,
};

const none = { sentPackets: 0, sentBytes: 0, receivedPackets: 0, receivedBytes: 0 };

export const TRAFFIC: ProgramTraffic = {
  peers: new Map([
    ['10.5.2.0/24', { sentPackets: 7, sentBytes: 700, receivedPackets: 6, receivedBytes: 2 ** 40 }],
    ['10.5.3.0/24', none],
  ]),
  counters: { drop_no_peer: 4, drop_closed: 0, slow_received: 5 },
};

export function sourceOf(changes: Partial<Source['tally']> = {}, network = 'default'): Source {
  return {
    network,
    health: {
      alive: () => ({ good: true, text: 'running' }),
      ready: () => ({ good: false, text: 'interface eth0 is down' }),
    },
    tally: {
      ops: () => new Map([['peers.write', { applied: 9, failed: 2, retried: 1 }]]),
      events: () => new Map([['added', 8]]),
      looks: () => ({ done: 11, failed: 10 }),
      contact: () => ({ isReachable: true, silentSeconds: 1.5 }),
      member: () => ({ figures: () => FIGURES, readTraffic: async () => TRAFFIC }),
      ...changes,
    },
  };
}

export function optionsOf(
  sources: readonly Source[],
  elapsed: () => number = () => performance.now(),
): MetricsOptions {
  const figures = { cpuSeconds: 1.25, residentBytes: 2048, startedAtSeconds: 1000 };
  return {
    sources: () => sources,
    version: '0.1.0',
    node: '24.0.0',
    readProcess: () => figures,
    elapsed,
  };
}

/** The values by series, as Prometheus reads them; those that have the prefix. */
export function seriesOf(text: string, prefix = ''): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const pairs = lines.map((line) => [
    line.slice(0, line.lastIndexOf(' ')),
    line.slice(line.lastIndexOf(' ') + 1),
  ]);
  return Object.fromEntries(pairs.filter(([name]) => name?.startsWith(prefix)));
}
