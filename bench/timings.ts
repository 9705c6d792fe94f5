import { existsSync } from 'node:fs';
import { createLab, NETWORK_CONFIG } from '../lab/lab.ts';
import type { StoreKind } from '../lab/options.ts';
import { run } from '../lab/process.ts';
import { waitFor } from '../lab/ready.ts';
import { TARTAN } from '../lab/tartan.ts';
import { median } from '../src/bench/statistics.ts';
import type { Figure } from './figures.ts';

/** How long the commands take, as a person at the keyboard would see it; medians of `repeats`. */
export async function measureTimings(repeats: number): Promise<Figure[]> {
  const joinFile = await timeJoin('file', repeats);
  const joinEtcd = await timeJoin('etcd', repeats);
  return [
    { what: 'tartan --version', value: await timeVersion(repeats), unit: 'ms', limit: 100 },
    { what: 'join, start to subnet.env, file store', value: joinFile, unit: 'ms', limit: 400 },
    { what: 'join, start to subnet.env, etcd', value: joinEtcd, unit: 'ms', limit: 500 },
  ];
}

async function timeVersion(repeats: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const started = performance.now();
    await run([TARTAN, '--version']);
    times.push(performance.now() - started);
  }
  return median(times);
}

/** Every time a host that has nothing yet: after a teardown, the lease given back. */
async function timeJoin(store: StoreKind, repeats: number): Promise<number> {
  await using lab = await createLab({ name: 'benchjoin', underlay: 'pair', store });
  const host = lab.host('a');
  await host.tartan(['init-config', '-'], { input: JSON.stringify(NETWORK_CONFIG) });
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const started = performance.now();
    const joining = host.startTartan(['join']);
    await waitFor('subnet.env', () => existsSync(host.subnetFile), { everyMilliseconds: 1 });
    times.push(performance.now() - started);
    const { code, stderr } = await joining.ended;
    if (code !== 0) throw new Error(`join ended with ${code}: ${stderr}`);
    await host.tartan(['teardown']);
  }
  return median(times);
}
