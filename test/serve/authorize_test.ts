import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAdmin, namesOf, plainAddress, requireOwner } from '../../src/serve/authorize.ts';
import { createQuota } from '../../src/serve/limits.ts';
import { parseListen, requirePassedOn } from '../../src/serve/listen.ts';
import { shareReads } from '../../src/serve/listing.ts';
import { findRoute } from '../../src/serve/routes.ts';

test('the names of a certificate are its common name, DNS names and addresses', () => {
  const subjectaltname = 'DNS:a.example, IP Address:10.0.0.1, URI:http://x, email:a@b';
  const names = namesOf({ subject: { CN: 'a' }, subjectaltname });
  assert.deepEqual(names, ['a', 'a.example', '10.0.0.1']);
  assert.deepEqual(namesOf({ subject: { CN: ['a', 'b'] } }), ['a', 'b']);
  assert.deepEqual(namesOf({}), []);
  // A name that is made to look like two: Node puts it into quotes.
  const forged = 'DNS:"x, IP Address:10.0.0.9, DNS:y"';
  assert.deepEqual(namesOf({ subject: { CN: 'a' }, subjectaltname: forged }), ['a']);
});

test('a lease is a client’s own by address, by certificate, or anyway; an admin’s is any', () => {
  const client = { address: '10.0.0.1', names: ['10.0.0.2', 'host-a'] };
  const may = (by: 'address' | 'certificate' | 'none', publicIp: string, admins: string[] = []) => {
    try {
      requireOwner({ by, admins }, client, publicIp);
      return true;
    } catch {
      return false;
    }
  };
  assert.deepEqual([may('address', '10.0.0.1'), may('address', '10.0.0.2')], [true, false]);
  assert.deepEqual([may('certificate', '10.0.0.1'), may('certificate', '10.0.0.2')], [false, true]);
  assert.equal(may('none', '10.0.0.3'), true);
  for (const admin of ['10.0.0.1', 'host-a']) assert(may('address', '10.0.0.3', [admin]));
  assert.equal(may('address', '10.0.0.3', ['host-b', '10.0.0.3']), false);
  assert.equal(isAdmin({ by: 'none', admins: [] }, client), false, 'none is about leases alone');
  assert.equal(plainAddress('::ffff:10.0.0.1'), '10.0.0.1');
  assert.equal(plainAddress('fd00::1'), 'fd00::1');
});

test('--listen is an address and a port, or a descriptor', () => {
  const address = (text: string) => {
    const place = parseListen(text);
    return place.kind === 'address' ? `${place.address} ${place.port}` : `fd ${place.fd}`;
  };
  for (const [text, place] of [
    ['10.0.0.1:8889', '10.0.0.1 8889'],
    ['tcp://10.0.0.1:0', '10.0.0.1 0'],
    [':8889', '0.0.0.0 8889'],
    ['[::]:8889', ':: 8889'],
    ['fd://', 'fd 3'],
    ['fd://4', 'fd 4'],
  ] as const) {
    assert.equal(address(text), place);
  }
  for (const text of [
    ...['', '8889', '10.0.0.1', 'host:1', '10.0.0.1:65536', 'udp://1.2.3.4:5', 'fd://2', 'fd://x'],
  ]) {
    assert.throws(() => parseListen(text), { code: 'USAGE' }, text);
  }
  requirePassedOn(4, { LISTEN_FDS: '2', LISTEN_PID: '7' }, 7);
  for (const variables of [
    ...[{}, { LISTEN_FDS: '1', LISTEN_PID: '7' }, { LISTEN_FDS: '2', LISTEN_PID: '8' }],
  ]) {
    assert.throws(() => requirePassedOn(4, variables, 7), { code: 'USAGE', message: /fd:\/\/4/ });
  }
});

test('a quota is of each and of all, and what is given back is free', () => {
  const quota = createQuota(3, 2);
  const taken = ['a', 'a', 'a', 'b', 'c'].map((key) => quota.take(key));
  assert.deepEqual(taken, [true, true, false, true, false]);
  quota.give('a');
  assert.deepEqual(
    ['c', 'a'].map((key) => quota.take(key)),
    [true, false],
  );
});

test('who asks while a list is read gets one that was begun later, shared with others', async () => {
  const reads: PromiseWithResolvers<number>[] = [];
  const read = shareReads(() => {
    reads.push(Promise.withResolvers<number>());
    return reads.at(-1)?.promise ?? Promise.reject(new Error('none'));
  });
  const [first, second, third] = [read(), read(), read()];
  assert.equal(reads.length, 1);
  reads[0]?.reject(new Error('away'));
  await assert.rejects(first, /away/);
  await new Promise(setImmediate);
  assert.equal(reads.length, 2, 'one for both');
  reads[1]?.resolve(2);
  assert.deepEqual(await Promise.all([second, third]), [2, 2]);
  void read();
  assert.equal(reads.length, 3);
});

test('paths are flannel’s, and nothing else is one', () => {
  const { network, key, query } = findRoute('PUT', '/v1/blue/leases/10.5.52.0-24?ttl=5');
  assert.deepEqual([network, key, query.get('ttl')], ['blue', '10.5.52.0-24', '5']);
  assert.throws(() => findRoute('GET', '/v1/_/leases/a/b'), { code: 'USAGE' });
  assert.throws(() => findRoute('GET', '/v1/_/hasOwnProperty'), { code: 'USAGE' });
  assert.throws(() => findRoute('toString', '/v1/_/leases'), { message: /toString is not for/ });
});
