import assert from 'node:assert/strict';
import { it } from 'node:test';
import { diffForward } from '../../src/plan/diff_forward.ts';
import type { ForwardChain } from '../../src/plan/forward.ts';

const NETWORK = '10.5.0.0/16';

const chain = (rest: Partial<ForwardChain>): ForwardChain => ({
  ...{ by: 'nft', chain: 'FORWARD', isPlace: true, accepts: null },
  ...rest,
});

const ops = (chains: readonly Partial<ForwardChain>[], forward: string | null = NETWORK) =>
  diffForward(forward === null ? {} : { forward }, { forwardChains: chains.map(chain) }).map(
    ({ op, ...rest }) => `${op} ${Object.values(rest).join(' ')}`,
  );

const ACCEPT = `forward.accept nft FORWARD ${NETWORK}`;

it('a chain that is the place is to accept the network, once', () => {
  assert.deepEqual(ops([{}]), [ACCEPT]);
  assert.deepEqual(ops([{ accepts: NETWORK }]), []);
});

it('rules of another network, and damaged ones, are replaced', () => {
  for (const accepts of ['10.6.0.0/16', '']) assert.deepEqual(ops([{ accepts }]), [ACCEPT]);
});

it('a chain that is not is left alone, and loses what it no longer needs', () => {
  assert.deepEqual(ops([{ isPlace: false }]), []);
  assert.deepEqual(ops([{ isPlace: false, accepts: NETWORK }]), ['forward.withdraw nft FORWARD']);
});

it('rules move with the place, and come before they go', () => {
  const chains = [{ isPlace: false, accepts: NETWORK }, { chain: 'DOCKER-USER' }] as const;
  assert.deepEqual(ops(chains), [
    `forward.accept nft DOCKER-USER ${NETWORK}`,
    'forward.withdraw nft FORWARD',
  ]);
});

it('each iptables is looked at by itself', () => {
  assert.deepEqual(ops([{}, { by: 'legacy', chain: 'DOCKER-USER' }]), [
    ACCEPT,
    `forward.accept legacy DOCKER-USER ${NETWORK}`,
  ]);
});

it('where nothing is to be accepted, all of ours goes', () => {
  const chains = [{ accepts: NETWORK }, { by: 'legacy', accepts: '' }] as const;
  assert.deepEqual(ops(chains, null), [
    'forward.withdraw nft FORWARD',
    'forward.withdraw legacy FORWARD',
  ]);
  assert.deepEqual(diffForward({}, {}), []);
});
