import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EtcdPermissionDeniedError,
  GRPCResourceExhastedError,
  GRPCUnavailableError,
  GRPCUnknownError,
} from 'etcd3/lib/errors.js';
import { etcdFailed, etcdUnavailable, isMute, isOutage } from '../../src/store/etcd_errors.ts';

const ETCD = 'etcd http://127.0.0.1:2379';

/** Each as etcd 3.4 sends it. */
const outages = [
  new GRPCUnavailableError('14 UNAVAILABLE: etcdserver: request timed out'),
  new GRPCUnavailableError('14 UNAVAILABLE: etcdserver: leader changed'),
  new GRPCUnknownError('2 UNKNOWN: context deadline exceeded'),
  new GRPCUnknownError('2 UNKNOWN: context canceled'),
  new GRPCResourceExhastedError('8 RESOURCE_EXHAUSTED: etcdserver: too many requests'),
];

for (const error of outages) {
  test(`another member, or the same one later, may do better: ${error.message}`, () => {
    assert.equal(isOutage(error), true);
    assert.equal(etcdUnavailable(ETCD, error).exitCode, 75);
  });
}

const refusals: readonly (readonly [error: Error, hint: RegExp])[] = [
  [
    new GRPCResourceExhastedError(
      '8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded',
    ),
    /compact, defragment, and disarm/,
  ],
  [
    new EtcdPermissionDeniedError('7 PERMISSION_DENIED: etcdserver: permission denied'),
    /--etcd-username.*grant-permission/,
  ],
];

for (const [error, hint] of refusals) {
  test(`no member will do it: ${error.message}`, () => {
    assert.equal(isOutage(error), false);
    const { exitCode, message, hint: said } = etcdFailed(ETCD, error);
    assert.equal(exitCode, 1);
    assert.match(said, hint);
    assert.match(message, /^etcd http:\/\/127\.0\.0\.1:2379: etcdserver: /);
  });
}

const shown: readonly (readonly [said: string, shown: string])[] = [
  [
    'Last error: Failed to connect (2026-11-21T12:23:43.832Z).',
    'cannot be reached: Failed to connect',
  ],
  [
    'Last error: Error: connect ECONNREFUSED 127.0.0.1:1.',
    'cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
  ],
  [
    'Last error: ssl/tls alert bad certificate alert number 42 (2026-11-21T12:23:43.063Z).',
    'no secure connection: ssl/tls alert bad certificate alert number 42',
  ],
  [
    'Last error: Error: unable to verify the first certificate; if the root CA is installed locally, try running Node.js with --use-system-ca.',
    'no secure connection: unable to verify the first certificate',
  ],
];

for (const [said, end] of shown) {
  test(`without what changes each time or is for others: ${end}`, () => {
    const text = `14 UNAVAILABLE: No connection established. ${said} Resolution note: `;
    const { message } = etcdUnavailable(ETCD, new GRPCUnavailableError(text));
    assert.ok(message.endsWith(end), message);
  });
}

test('what gRPC does not repeat is not shown either', () => {
  const mute = new GRPCUnavailableError(
    '14 UNAVAILABLE: No connection established. Last error: null. Resolution note: ',
  );
  assert.equal(isMute(mute), true);
  assert.match(etcdUnavailable(ETCD, mute).message, /cannot be reached: no connection$/);
});
