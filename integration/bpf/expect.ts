/** What must have become of a packet, each with nothing else having happened. */
import assert from 'node:assert/strict';
import type { CounterName, Traffic } from '../../src/bpf/counters.ts';
import type { Peer } from '../../src/plan/dataplane.ts';
import type { Outcome } from './programs.ts';

type Counted = readonly CounterName[];

function once(counters: Counted): Partial<Record<CounterName, number>> {
  return Object.fromEntries(counters.map((counter) => [counter, 1]));
}

export function assertDropped({ effects }: Outcome, ...counters: Counted): void {
  assert.deepEqual(effects, { verdict: 'dropped', counters: once(counters), traffic: {} });
}

/** Left as it was, for the host or the kernel's device to look at. */
export function assertHandedOn(outcome: Outcome, packet: Buffer, ...counters: Counted): void {
  const { effects } = outcome;
  assert.deepEqual(effects, { verdict: 'handedOn', counters: once(counters), traffic: {} });
  assert.equal(outcome.packet.toString('hex'), packet.toString('hex'), 'the packet has changed');
}

/** Sent on to another device, and counted for a peer. */
export function assertRedirected({ effects }: Outcome, peer: Peer, traffic: Partial<Traffic>) {
  assert.deepEqual(effects, {
    verdict: 'redirected',
    counters: {},
    traffic: { [peer.subnet]: traffic },
  });
}
