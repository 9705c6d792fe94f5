import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diff } from '../../src/plan/diff.ts';
import type { PairLink } from '../../src/plan/links.ts';
import { type DesiredState, nothing, type ObservedState } from '../../src/plan/state.ts';
import { bare } from './samples.ts';

const pair: PairLink = {
  ...{ name: 'flannel0', kind: 'pair', far: 'flannel0.far', mac: '02:00:00:00:00:01' },
  ...{ mtu: 1472, tuned: true, up: true },
};
const wish: DesiredState = { ...nothing, network: '10.5.0.0/16', links: [pair] };
const attachedToFar: ObservedState['attachments'][number] = {
  ...{ program: 'udp_resend', device: 'flannel0.far', hook: 'ingress', by: 'tcx' },
  generation: null,
};

test('offloads that somebody has changed are changed back', () => {
  const observed = { ...bare, links: [{ ...pair, tuned: false }] };
  assert.deepEqual(diff(wish, observed), [
    { op: 'link.set', name: 'flannel0', far: 'flannel0.far', tuned: true },
  ]);
});

test('both ends come up', () => {
  const observed = { ...bare, links: [{ ...pair, up: false }] };
  assert.deepEqual(diff(wish, observed), [
    { op: 'link.set', name: 'flannel0', far: 'flannel0.far', up: true },
  ]);
});

test('what is attached to the far end goes with the near one, be it removed or replaced by a TUN', () => {
  const observed = { ...bare, links: [pair], attachments: [attachedToFar] };
  const tun = { name: 'flannel0', kind: 'tun', mtu: 1472, up: true } as const;
  for (const desired of [nothing, { ...wish, links: [tun] }]) {
    const ops = diff(desired, observed);
    assert(ops.some(({ op }) => op === 'link.remove'));
    assert(ops.every(({ op }) => op !== 'bpf.detach'));
  }
});
