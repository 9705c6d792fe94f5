/** What so many frames must have been counted as, by the oracle: bounds, as one with two flaws counts for either. */
import assert from 'node:assert/strict';
import type { CounterName, Counters } from '../../src/bpf/counters.ts';
import type { Expected } from '../bpf/oracle.ts';
import type { Programs } from '../carriers/contract.ts';

export interface Account {
  readonly redirected: number;
  readonly dropped: number;
  /** Handed on: the slow way may decapsulate them, and count them once more. */
  readonly handedOn: number;
  readonly least: ReadonlyMap<CounterName, number>;
  readonly most: ReadonlyMap<CounterName, number>;
}

export function addUp(verdicts: readonly Expected[]): Account {
  const count = (verdict: string) =>
    verdicts.filter((expected) => expected.verdict === verdict).length;
  const [least, most] = [new Map<CounterName, number>(), new Map<CounterName, number>()];
  for (const { counters } of verdicts) {
    for (const name of counters) {
      most.set(name, (most.get(name) ?? 0) + 1);
      if (counters.length === 1) least.set(name, (least.get(name) ?? 0) + 1);
    }
  }
  return {
    redirected: count('redirected'),
    dropped: count('dropped'),
    handedOn: count('handedOn'),
    least,
    most,
  };
}

/** What only the programs that receive count. The others count what the host and its pods answer, too. */
const DROPS: readonly CounterName[] = [
  'drop_not_ipv4',
  'drop_truncated',
  'drop_length',
  'drop_checksum',
  'drop_unknown_peer',
  'drop_spoofed_source',
  'drop_wrong_mac',
  'drop_martian',
  'drop_congestion',
];

/** @param received packets from all peers */
export function assertAccounted(
  { slow, left }: Programs,
  account: Account,
  counted: Counters,
  received: number,
): void {
  const { least, most, handedOn } = account;
  const dropped = DROPS.reduce((sum, name) => sum + counted[name], 0);
  assert(dropped >= account.dropped, `${dropped} dropped, not ${account.dropped}`);
  // What came in by the slow way is either let in or dropped, and there are programs that count it before they know.
  const [late, again] = [received - account.redirected, dropped - account.dropped];
  assert.equal(late + (slow.dropped.slow_received ? again : 0), counted.slow_received, 'let in');
  assert(late + again <= handedOn, `${late + again} came in of ${handedOn} that were left`);
  for (const name of [...DROPS, ...left]) {
    const beyond = DROPS.includes(name) ? handedOn : 0;
    const [low, high] = [least.get(name) ?? 0, (most.get(name) ?? 0) + beyond];
    const count = counted[name];
    assert(count >= low && count <= high, `${name}: ${count}, not ${low} to ${high}`);
  }
}
