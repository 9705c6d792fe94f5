import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import { encodeSubnetKey } from '../../src/lease/codec.ts';
import type { Lease } from '../../src/lease/lease.ts';
import type { LeaseEvent } from '../../src/store/contract.ts';
import {
  decodeLease,
  decodeWatchAnswer,
  encodeEvents,
  encodeLease,
  encodeSnapshot,
  withCursor,
} from '../../src/store/http_codec.ts';
import { aLease, aPrefix } from '../arbitraries.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');

/** With an end, too. */
const someLease: fc.Arbitrary<Lease> = fc
  .tuple(aLease(aPrefix), fc.option(fc.integer({ min: -1_000, max: 100_000_000 })))
  .map(([lease, leftMs]) =>
    leftMs === null ? lease : { ...lease, expiresAt: new Date(NOW + leftMs) },
  );

const someRejected = fc
  .tuple(fc.string(), fc.option(aPrefix), fc.string())
  .map(([key, subnet, reason]) => ({ key, subnet, reason }));

const someEvent: fc.Arbitrary<LeaseEvent> = fc.oneof(
  someLease.map((lease) => ({ type: 'put' as const, lease })),
  aPrefix.map((subnet) => ({ type: 'removed' as const, subnet })),
  someRejected.map((rejected) => ({ type: 'rejected' as const, rejected })),
);

test('a lease comes through as it was', () => {
  fc.assert(
    fc.property(someLease, (lease) => {
      const text = JSON.stringify(encodeLease(lease, NOW));
      assert.deepEqual(decodeLease(JSON.parse(text), NOW), lease);
    }),
  );
});

test('the end of a lease is told by the time left, whatever the clock of the reader says', () => {
  const later = NOW + 7_200_000;
  fc.assert(
    fc.property(someLease, (lease) => {
      const { expiresAt } = decodeLease(encodeLease(lease, NOW), later);
      if (!(lease.expiresAt instanceof Date)) return assert.equal(expiresAt, lease.expiresAt);
      assert(expiresAt instanceof Date);
      assert.equal(expiresAt.getTime() - later, lease.expiresAt.getTime() - NOW);
    }),
  );
});

test('lists and events come through in order', () => {
  const revision = fc.nat();
  fc.assert(
    fc.property(
      fc.array(someLease),
      fc.array(someRejected),
      revision,
      fc.string(),
      (leases, rejected, at, cursor) => {
        const snapshot = { leases, rejected, revision: at };
        const told = decodeWatchAnswer(withCursor(encodeSnapshot(snapshot, NOW), cursor), NOW);
        assert.deepEqual(told, { update: { type: 'snapshot', snapshot }, cursor });
      },
    ),
  );
  fc.assert(
    fc.property(fc.array(someEvent), revision, fc.string(), (events, at, cursor) => {
      const told = decodeWatchAnswer(withCursor(encodeEvents(events, at, NOW), cursor), NOW);
      const update = events.length === 0 ? null : { type: 'events', events, revision: at };
      assert.deepEqual(told, { update, cursor });
    }),
  );
});

test('what flannel sends is taken: no revision is told for', () => {
  const subnet = { family: 'ipv4', address: 0x0a05_3400, length: 24 } as const;
  const attributes = { publicIp: '192.168.64.3', publicIpv6: null, backendType: '' };
  const lease: Lease = { subnet, attributes, expiresAt: 'never', revision: 7 };
  assert.deepEqual(encodeLease(lease, NOW), {
    Subnet: '10.5.52.0/24',
    Attrs: { PublicIP: '192.168.64.3', PublicIPv6: null },
    Expiration: '0001-01-01T00:00:00Z',
    Revision: 7,
  });
  const body = { subnet: '10.5.52.0/24', ATTRS: { publicip: '192.168.64.3' }, Revision: 7 };
  assert.deepEqual(decodeLease(body, NOW), { ...lease, expiresAt: 'unknown' });
  assert.equal(encodeSubnetKey(subnet), '10.5.52.0-24');
});

test('what is no answer is named, and nothing else is thrown', () => {
  const isNamed = (error: unknown) => error instanceof TartanError && error.code === 'STORE_FAILED';
  for (const [text, message] of [
    ['', /not JSON/],
    ['[]', /no object/],
    ['{"cursor":1,"revision":1}', /cursor is 1/],
    ['{"cursor":"1","revision":-1}', /revision is -1/],
    ['{"cursor":"1","revision":1}', /events are \(absent\)/],
    ['{"cursor":"1","revision":1,"events":[{"type":"moved"}]}', /type is "moved"/],
    ['{"cursor":"1","revision":1,"snapshot":[{}],"rejected":[]}', /Subnet \(absent\)/],
  ] as const) {
    assert.throws(() => decodeWatchAnswer(text, NOW), { code: 'STORE_FAILED', message });
  }
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        decodeWatchAnswer(text, NOW);
      } catch (error) {
        assert(isNamed(error), String(error));
      }
    }),
  );
});
