import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import { diff } from '../../src/plan/diff.ts';
import type { Op } from '../../src/plan/op.ts';
import type { Route } from '../../src/plan/routes.ts';
import { type DesiredState, nothing } from '../../src/plan/state.ts';
import { aDesiredState } from './arbitraries.ts';
import { aHost } from './found.ts';
import { applyAll } from './model.ts';
import type { Host } from './model_host.ts';

const RUNS = { numRuns: 2000 };

/** The ops, unless a foreign device stands in the way, which other tests look at. */
function plan(desired: DesiredState, host: Host): Op[] {
  try {
    return diff(desired, host);
  } catch (error) {
    fc.pre(!(error instanceof TartanError) || error.code !== 'DEVICE_FOREIGN');
    throw error;
  }
}

/** Those into the overlay may stand behind others, and those by the underlay may not. */
function ofThisNetwork({ routes }: Host): Route[] {
  return routes
    .filter(({ destination }) => !destination.startsWith('10.9.'))
    .map(({ behind, ...route }) => (behind && !route.onlink ? { ...route, behind } : route));
}

/** Of another network of the host. */
function ofOthers({ table }: Host): Set<Route> {
  return new Set(table.filter(({ destination }) => destination.startsWith('10.9.')));
}

test('the ops of a diff lead to the desired state, each of them possible when its turn comes', () => {
  fc.assert(
    fc.property(aDesiredState, aHost, (desired, host) => {
      const after = applyAll(host, plan(desired, host));
      assert.deepEqual(diff(desired, after), []);
      assert.deepEqual(
        after.links.filter(({ kind }) => kind !== 'foreign'),
        desired.links,
      );
      assert.deepEqual(after.fou, desired.fou ?? []);
      assert.deepEqual(new Set(ofThisNetwork(after)), new Set(desired.routes));
      assert.deepEqual(ofOthers(after), ofOthers(host));
      assert.deepEqual(new Set(after.addresses), new Set(desired.addresses));
      assert.deepEqual(new Set(after.neighbors), new Set(desired.neighbors));
      assert.deepEqual(new Set(after.fdb), new Set(desired.fdb));
      const { dataplane } = desired;
      assert.deepEqual(
        [...after.generations.values()],
        dataplane === null
          ? []
          : [
              {
                settings: dataplane.settings,
                peers: dataplane.peers,
                endpoints: dataplane.endpoints,
              },
            ],
      );
      assert.equal(after.attachments.length, dataplane?.attachments.length ?? 0);
    }),
    RUNS,
  );
});

test('a run that was cut short after any op is healed by the next', () => {
  fc.assert(
    fc.property(aDesiredState, aHost, fc.nat({ max: 14 }), (desired, host, count) => {
      const cut = applyAll(host, plan(desired, host).slice(0, count));
      assert.deepEqual(diff(desired, applyAll(cut, diff(desired, cut))), []);
    }),
    RUNS,
  );
});

test('a change of mind in the middle of a run does no harm', () => {
  fc.assert(
    fc.property(aDesiredState, aDesiredState, aHost, fc.nat({ max: 14 }), (a, b, host, count) => {
      const cut = applyAll(host, plan(a, host).slice(0, count));
      assert.deepEqual(diff(b, applyAll(cut, plan(b, cut))), []);
    }),
    RUNS,
  );
});

test('nothing of ours is left when nothing is wanted, also after a run that was cut short', () => {
  fc.assert(
    fc.property(aDesiredState, aHost, fc.nat({ max: 14 }), (desired, host, count) => {
      const cut = applyAll(host, plan(desired, host).slice(0, count));
      const wish = { ...nothing, network: desired.network };
      const gone = applyAll(cut, diff(wish, cut));
      assert.deepEqual(diff(wish, gone), []);
      assert.deepEqual(ofOthers(gone), ofOthers(host));
      assert(gone.links.every(({ kind }) => kind === 'foreign'));
      assert.deepEqual(gone.fou, []);
      assert.deepEqual(
        [gone.addresses, ofThisNetwork(gone), gone.neighbors, gone.fdb, gone.attachments],
        [[], [], [], [], []],
      );
      assert.equal(gone.generations.size, 0);
    }),
    RUNS,
  );
});

test('ops are plain JSON', () => {
  fc.assert(
    fc.property(aDesiredState, aHost, (desired, host) => {
      const ops = plan(desired, host);
      assert.deepEqual(JSON.parse(JSON.stringify(ops)), ops);
    }),
  );
});
