import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireCapabilities } from '../../src/agent/privilege.ts';

const NET_ADMIN = 1n << 12n;
const SYS_ADMIN = 1n << 21n;
const BPF = 1n << 39n;

const statusOf = (effective: bigint) =>
  `Name:\tnode\nCapPrm:\tffffffffffffffff\nCapEff:\t${effective.toString(16).padStart(16, '0')}\n`;

test('root, and whoever has just what it takes, may go on', () => {
  requireCapabilities(statusOf(0x1ff_ffff_ffffn));
  requireCapabilities(statusOf(NET_ADMIN | BPF));
  requireCapabilities(statusOf(NET_ADMIN | SYS_ADMIN));
});

test('what is missing is named', () => {
  const refused: [bigint, RegExp][] = [
    [0n, /CAP_NET_ADMIN and CAP_BPF/],
    [NET_ADMIN, /: CAP_BPF missing/],
    [BPF, /: CAP_NET_ADMIN missing/],
  ];
  for (const [effective, message] of refused) {
    const check = () => requireCapabilities(statusOf(effective));
    assert.throws(check, { code: 'PERMISSION', message });
  }
  assert.throws(() => requireCapabilities(''), { code: 'PERMISSION' });
});
