import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TartanError } from '../../src/errors.ts';
import { readAttributesBody, readLeaseBody, readReservationBody } from '../../src/serve/bodies.ts';
import { formatCursor, readCursor } from '../../src/serve/hub.ts';
import { parseListen } from '../../src/serve/listen.ts';
import { findRoute } from '../../src/serve/routes.ts';
import { parseRemote } from '../../src/store/http_options.ts';
import { aPrefix } from '../arbitraries.ts';

/** Text that comes near to what is asked for. */
const nearly = (...parts: readonly string[]) =>
  fc
    .array(fc.oneof(fc.constantFrom(...parts), fc.string({ maxLength: 4 })), { maxLength: 8 })
    .map((some) => some.join(''));

function throwsNothingElse(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert(error instanceof TartanError, String(error));
    assert(error.message !== '' && error.hint !== '');
  }
}

test('whatever is asked for is found or refused by name', () => {
  const url = nearly('/v1', '/_', '/leases', '/reservations', '/', '?next=', '%2f', '10.5.0.0-24');
  const method = fc.oneof(fc.constantFrom('GET', 'PUT', 'POST', 'DELETE'), fc.string());
  fc.assert(
    fc.property(method, url, (verb, text) => throwsNothingElse(() => findRoute(verb, text))),
  );
  const place = nearly('fd://', 'tcp://', '10.0.0.1', ':', '8889', '[::]', '3');
  fc.assert(fc.property(place, (text) => throwsNothingElse(() => parseListen(text))));
  fc.assert(fc.property(place, (text) => throwsNothingElse(() => parseRemote(text))));
});

test('whatever is sent is read or refused by name', () => {
  const key = fc.constantFrom('Attrs', 'Subnet', 'PublicIP', 'BackendData', 'publicip', 'x');
  const value = fc.oneof(fc.json(), fc.constantFrom('"10.0.0.1"', '"10.5.0.0/24"', '{}', 'null'));
  const pair = fc.tuple(key, value).map(([name, text]) => `"${name}":${text}`);
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(pair).map((pairs) => `{${pairs.join(',')}}`),
  );
  fc.assert(
    fc.property(body, aPrefix, (text, subnet) => {
      throwsNothingElse(() => readAttributesBody(text));
      throwsNothingElse(() => readLeaseBody(text, subnet));
      throwsNothingElse(() => readReservationBody(text));
    }),
  );
});

test('a cursor is read as it was told, and what is none is none', () => {
  const story = fc.option(fc.stringMatching(/^[0-9a-f]{12}$/));
  fc.assert(
    fc.property(fc.nat(), story, (revision, told) => {
      assert.deepEqual(readCursor(formatCursor({ revision, story: told })), {
        ...{ revision, story: told },
      });
    }),
  );
  for (const text of ['', '-1', '1-', '1-x', '1.5', '99999999999999999', '1-0123456789ab-', ' 1']) {
    assert.equal(readCursor(text), null, text);
  }
});
