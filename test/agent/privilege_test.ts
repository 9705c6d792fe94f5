import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireCapabilities } from '../../src/agent/privilege.ts';

const NET_ADMIN = 1n << 12n;
const BPF = 1n << 39n;

const statusOf = (effective: bigint) =>
  `Name:\tnode\nCapPrm:\tffffffffffffffff\nCapEff:\t${effective.toString(16).padStart(16, '0')}\n`;

test('root, and whoever has just what it takes, may go on', () => {
  requireCapabilities(statusOf(0x1ff_ffff_ffffn));
  requireCapabilities(statusOf(NET_ADMIN));
});

test('what is missing is named', () => {
  for (const effective of [0n, BPF]) {
    const check = () => requireCapabilities(statusOf(effective));
    assert.throws(check, { code: 'PERMISSION', message: /: CAP_NET_ADMIN missing/ });
  }
  assert.throws(() => requireCapabilities(''), { code: 'PERMISSION' });
});
