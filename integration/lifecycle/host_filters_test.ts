/** Programs attached by clsact hang on filters and qdiscs, which anybody may delete: `watch` hears of it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, joinAll, type Lab, NETWORK_CONFIG } from '../../lab/lab.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { waitForPing } from '../../lab/traffic.ts';
import { startHourly } from './host_changes.ts';
import { hostsOf } from './support.ts';
import type { Watching } from './watching.ts';

describe('filters of a host', () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  let watching: Watching;
  before(async () => {
    lab = await createLab({ name: 'hostfilters', hosts: 2 });
    [a, b] = hostsOf(lab);
    await joinAll(lab, NETWORK_CONFIG, { FLANNELD_ATTACH: 'clsact' });
    watching = await startHourly(a, '--attach', 'clsact');
  });
  after(async () => {
    await watching?.running.stop();
    await lab?.destroy();
  });

  for (const [name, script] of [
    ['a filter is deleted', 'tc filter delete dev eth0 ingress'],
    ['a qdisc is deleted', 'tc qdisc delete dev flannel.1 clsact'],
  ] as const) {
    it(name, async () => {
      const seen = watching.events().length;
      await a.shell(script);
      const doneAt = Date.now();
      const { time, message } = await watching.event('reconciled', seen);
      assert(Date.parse(time) - doneAt < 2000 * PATIENCE);
      assert.match(message ?? '', /bpf\.attach/);
      const [from, to] = [a.pods[0], b.pods[0]];
      assert(from && to);
      await waitForPing(from, to.address);
      await waitForPing(to, from.address);
    });
  }
});
