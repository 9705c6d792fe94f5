import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeChains } from '../../src/kernel/forward.ts';

const NETWORK = '10.5.0.0/16';

/** As iptables 1.8.9 prints them. */
const rule = (flag: string, network = NETWORK, name = 'default') =>
  `-A FORWARD ${flag} ${network} -m comment --comment "tartan:${name}" -j ACCEPT`;

const OURS = [rule('-s'), rule('-d')];

const JUMP = '-A FORWARD -j DOCKER-USER';
const RETURN = '-A DOCKER-USER -j RETURN';

const describe = (forward: readonly string[], users: readonly string[] | null = null) =>
  describeChains({ forward, users }, 'default');

const isPlace = (...forward: readonly string[]) => describe(forward)[0]?.isPlace;
const accepts = (...forward: readonly string[]) => describe(forward)[0]?.accepts;

it('a policy drops, and so does a rule without a condition, whatever its comment', () => {
  assert.equal(isPlace('-P FORWARD DROP'), true);
  for (const end of [
    '-j DROP',
    '-j REJECT --reject-with icmp-host-prohibited',
    '-m comment --comment "the \\"rest\\" -j x" -j REJECT --reject-with icmp-port-unreachable',
    '-m comment --comment rest -j DROP',
  ]) {
    assert.equal(isPlace('-P FORWARD ACCEPT', `-A FORWARD ${end}`), true, end);
  }
});

it('a rule with a condition, another policy and a return do not', () => {
  for (const line of [
    '-A FORWARD -i docker0 -j DROP',
    '-A FORWARD -i docker0 -m comment --comment "-j DROP" -j ACCEPT',
    '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A FORWARD -j DROP-SOME',
    '-A FORWARD -j RETURN',
  ]) {
    assert.equal(isPlace('-P FORWARD ACCEPT', line), false, line);
  }
});

it('DOCKER-USER is the place where everything passes it, and FORWARD where not', () => {
  const places = (forward: readonly string[], users: readonly string[]) =>
    describe(['-P FORWARD DROP', ...forward], users).map((one) => one.isPlace);
  assert.deepEqual(places([JUMP], [RETURN]), [false, true]);
  assert.deepEqual(places(['-A FORWARD -i eth9 -j DROP', JUMP], []), [false, true]);
  for (const forward of [[], ['-A FORWARD -j DROP', JUMP], ['-A FORWARD -i eth0 -j DOCKER-USER']]) {
    assert.deepEqual(places(forward, [RETURN]), [true, false], forward.join('; '));
  }
});

it('both rules of ours, wherever they are reached', () => {
  assert.equal(accepts('-P FORWARD DROP', ...OURS), NETWORK);
  assert.equal(accepts('-A FORWARD -i eth9 -j DROP', ...OURS, '-A FORWARD -j REJECT'), NETWORK);
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
    assert.equal(accepts(...lines), '', lines.join('; '));
  }
});

it('another network’s rules, and anybody’s with another comment, are not ours', () => {
  for (const other of [rule('-s', NETWORK, 'blue'), `-A FORWARD -s ${NETWORK} -j ACCEPT`]) {
    assert.equal(accepts(other), null, other);
  }
});
