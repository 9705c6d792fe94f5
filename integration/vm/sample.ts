/** Not a test of ours: what a suite may do, for the tests of the rig that runs suites in a guest. */
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';

describe('a sample', () => {
  it('passes', () => writeFileSync('build/written-in-a-guest', ''));
  it('fails', () => {
    throw new Error('as it should');
  });
  it('is skipped', { skip: 'no such thing here' }, () => {});
});
