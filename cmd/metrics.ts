/** What `/metrics` tells of the process beside its networks. */
import type { Page } from '../src/serve/health.ts';
import { createMetrics, type ProcessFigures } from '../src/serve/metrics.ts';
import type { Source } from '../src/serve/reading.ts';

export async function openMetrics(sources: () => readonly Source[]): Promise<() => Promise<Page>> {
  const { default: project } = await import('../package.json', { with: { type: 'json' } });
  return createMetrics({
    sources,
    ...{ version: project.version, node: process.versions.node },
    ...{ readProcess, elapsed: () => performance.now() },
  });
}

function readProcess(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startedAtSeconds: performance.timeOrigin / 1000,
  };
}
