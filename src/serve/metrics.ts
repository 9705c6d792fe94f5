/** What Prometheus is told at `/metrics`. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Page } from './health.ts';
import { ROWS, type Row } from './metrics_table.ts';
import { peerTrafficText } from './peer_traffic.ts';
import { type Reading, read, type Source } from './reading.ts';

/** However many scrape: the kernel is read, and the text made, so often at most. */
const LEAST_AGE_MS = 1000;

/** Of this process. */
export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Seconds since the epoch. */
  readonly startedAtSeconds: number;
}

export interface MetricsOptions {
  /** Networks of this process as they are now, each with a name of its own. */
  sources(): readonly Source[];
  readonly version: string;
  readonly node: string;
  readProcess(): ProcessFigures;
  /** A clock that nobody sets, in ms. */
  elapsed(): number;
}

/**
 * Makes the page: within a second of the last one, that one again.
 * @returns never rejects for what a member or the kernel does not tell; `tartan_scrape_failures_total` counts that
 */
export function createMetrics(options: MetricsOptions): () => Promise<Page> {
  const { sources, elapsed } = options;
  const failures = new Map<string, number>();
  let readings: readonly Reading[] = [];
  const registry = new Registry();
  for (const row of [...ROWS, failureRow(failures)]) register(registry, row, () => readings);
  registerProcess(registry, options);

  const make = async (): Promise<Page> => {
    readings = await Promise.all(sources().map(read));
    for (const { network, failures: some } of readings)
      failures.set(network, (failures.get(network) ?? 0) + some.length);
    const text = (await registry.metrics()) + (await peerTrafficText(readings));
    return { contentType: registry.contentType, text };
  };

  let page: Promise<Page> | null = null;
  let madeAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (page !== null && elapsed() - madeAt < LEAST_AGE_MS) return page;
    // While it is being made, all wait for that one.
    madeAt = Number.POSITIVE_INFINITY;
    page = make().finally(() => {
      madeAt = elapsed();
    });
    return page;
  };
}

function failureRow(failures: ReadonlyMap<string, number>): Row {
  return {
    name: 'tartan_scrape_failures_total',
    type: 'counter',
    help: 'Times that figures or traffic could not be read for a scrape',
    labels: [],
    samples: ({ network }) => [{ labels: {}, value: failures.get(network) ?? 0 }],
  };
}

/** The values are read anew for each scrape, and none is kept. */
function register(registry: Registry, row: Row, readings: () => readonly Reading[]): void {
  const { name, help, samples } = row;
  const labelNames = ['network', ...row.labels];
  const take = (set: (labels: Record<string, string>, value: number) => void) => {
    for (const reading of readings())
      for (const { labels, value } of samples(reading))
        set({ network: reading.network, ...labels }, value);
  };
  const registers = [registry];
  if (row.type === 'gauge') {
    const metric = new Gauge({ name, help, labelNames, registers, collect });
    function collect() {
      metric.reset();
      take((labels, value) => metric.set(labels, value));
    }
  } else {
    const metric = new Counter({ name, help, labelNames, registers, collect });
    function collect() {
      metric.reset();
      take((labels, value) => metric.inc(labels, value));
    }
  }
}

/** prom-client's own of Node come with a timer that wakes the process a hundred times a second. */
function registerProcess(registry: Registry, { version, node, readProcess }: MetricsOptions): void {
  const registers = [registry];
  const build = new Gauge({
    name: 'tartan_build_info',
    help: 'What runs here: always 1',
    labelNames: ['version', 'node'],
    registers,
  });
  build.set({ version, node }, 1);
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of this process, user and system',
    registers,
    collect() {
      this.reset();
      this.inc(readProcess().cpuSeconds);
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of this process',
    registers,
    collect() {
      this.set(readProcess().residentBytes);
    },
  });
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When this process started, in seconds since the epoch',
    registers,
    collect() {
      this.set(readProcess().startedAtSeconds);
    },
  });
}
