import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeChain } from '../../src/kernel/forward.ts';

/** As iptables 1.8.9 prints them, with quotes (nft) and without (legacy, without a colon). */
const rule = (flag: string, network = '10.5.0.0/16', name = 'default') =>
  `-A FORWARD ${flag} ${network} -m comment --comment "tartan:${name}" -j ACCEPT`;

const OURS = [rule('-s'), rule('-d')];

const describe = (...lines: readonly string[]) => describeChain(lines, 'default');

it('a policy drops, and so does a rule without a condition', () => {
  assert.deepEqual(describe('-P FORWARD DROP'), { drops: true, accepts: null });
  for (const end of ['-j DROP', '-j REJECT --reject-with icmp-host-prohibited']) {
    assert.equal(describe('-P FORWARD ACCEPT', `-A FORWARD ${end}`).drops, true, end);
  }
});

it('a rule with a condition, another policy and a return do not', () => {
  for (const line of [
    '-A FORWARD -i docker0 -j DROP',
    '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A FORWARD -j DROP-SOME',
    '-A FORWARD -j RETURN',
  ]) {
    assert.equal(describe('-P FORWARD ACCEPT', line).drops, false, line);
  }
});

it('both rules of ours, wherever they are reached', () => {
  const accepts = '10.5.0.0/16';
  assert.deepEqual(describe('-P FORWARD DROP', ...OURS), { drops: true, accepts });
  assert.deepEqual(
    describe('-P FORWARD DROP', '-A FORWARD -i eth9 -j DROP', ...OURS, '-A FORWARD -j REJECT'),
    { drops: true, accepts },
  );
});

it('damaged: one of them, too many, of two networks, behind what ends the chain', () => {
  for (const lines of [
    [rule('-s')],
    [rule('-s'), rule('-s')],
    [...OURS, rule('-s')],
    [rule('-s'), rule('-d', '10.6.0.0/16')],
    ['-A FORWARD -j REJECT', ...OURS],
    [rule('-s'), '-A FORWARD -j RETURN', rule('-d')],
  ]) {
    assert.equal(describe('-P FORWARD DROP', ...lines).accepts, '', lines.join('; '));
  }
});

it('another network’s rules, and anybody’s with another comment, are not ours', () => {
  for (const other of [rule('-s', '10.5.0.0/16', 'blue'), '-A FORWARD -s 10.5.0.0/16 -j ACCEPT']) {
    assert.equal(describe('-P FORWARD DROP', other).accepts, null, other);
  }
});
