/** A host of udp in whatever mode. */
import assert from 'node:assert/strict';
import type { Host } from '../../lab/host.ts';
import type { JoinReport } from '../../src/agent/join.ts';

/** Joins, with a warning or without. */
export async function join(host: Host, dataplane = 'kernel'): Promise<JoinReport> {
  const { stdout } = await host.tartan(['join', '--dataplane', dataplane]);
  return JSON.parse(stdout) as JoinReport;
}

/** Joins once more, which must change nothing. */
export async function joined(host: Host, dataplane?: string): Promise<JoinReport> {
  const report = await join(host, dataplane);
  assert.equal(report.changed, false, `host ${host.name} had joined already`);
  return report;
}
