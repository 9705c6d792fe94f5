/** A client may touch only its own lease; config and reservations are for admins. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { test } from 'node:test';
import { readTlsFiles } from '../../src/store/tls_files.ts';
import { FOR_SERVERS, type KeyPair, makeAuthority } from '../store/certificates.ts';
import { type AskOptions, CONFIG, leaseBody, type Serving, serving } from './support.ts';

const MINE = '127.0.0.2';
const OTHER = '127.0.0.3';
const PATH = '/v1/_/leases/10.0.1.0-24';
const create = (publicIp: string): AskOptions => ({
  ...{ method: 'PUT', headers: { 'If-None-Match': '*' }, body: leaseBody(publicIp) },
});

/** Each write of a lease that is MINE, by who may and by who may not. */
async function checkWrites(server: Serving, mine: AskOptions, other: AskOptions): Promise<void> {
  const denied = async (options: AskOptions, path = PATH) => {
    const { status, code, text } = await server.ask(path, { ...other, ...options });
    assert.deepEqual([status, code], [403, 'PERMISSION'], text);
    assert.match(text, /127\.0\.0\.2/);
  };
  const posted = { method: 'POST', body: `{"PublicIP":"${MINE}"}` };
  await denied(create(MINE));
  await denied(posted, '/v1/_/leases');
  assert.deepEqual((await server.store.list()).leases, [], 'nothing was written');

  const created = await server.ask(PATH, { ...mine, ...create(MINE) });
  assert.equal(created.status, 200, created.text);
  const at = { 'If-Match': created.headers.etag ?? '' };
  await denied({ method: 'PUT', headers: at, body: leaseBody(MINE) });
  await denied({ method: 'PUT', headers: at, body: leaseBody(OTHER) });
  await denied({ method: 'PUT', body: leaseBody(OTHER) });
  await denied({ method: 'DELETE', headers: at });
  await denied({ method: 'DELETE' });
  const [lease] = (await server.store.list()).leases;
  assert.equal(`"${lease?.revision}"`, created.headers.etag, 'it is as it was');

  // Its own: renewed, but not into another's, and given back.
  const renewed = await server.ask(PATH, {
    ...{ ...mine, method: 'PUT', headers: at, body: leaseBody(MINE) },
  });
  assert.equal(renewed.status, 200, renewed.text);
  const next = { 'If-Match': renewed.headers.etag ?? '' };
  const stolen = { ...mine, method: 'PUT', headers: next, body: leaseBody('127.0.0.9') };
  assert.equal((await server.ask(PATH, stolen)).status, 403);
  assert.equal((await server.ask(PATH, { ...mine, method: 'DELETE', headers: at })).status, 412);
  assert.equal((await server.ask(PATH, { ...mine, method: 'DELETE', headers: next })).status, 200);
  assert.deepEqual((await server.store.list()).leases, []);
  // What flannel's client does.
  const acquired = await server.ask('/v1/_/leases', { ...mine, ...posted });
  assert.equal(acquired.status, 200, acquired.text);
  assert.match(JSON.parse(acquired.text).Subnet, /^10\.\d+\.\d+\.0\/24$/);
}

/** What only an admin may, by one, and by somebody who has a lease. */
async function checkAdmin(server: Serving, admin: AskOptions, other: AskOptions): Promise<void> {
  const reservation = `{"Subnet":"10.0.7.0/24","PublicIP":"${OTHER}"}`;
  const writes: [string, AskOptions][] = [
    ['/v1/_/config', { method: 'PUT', headers: { 'If-Match': '"1"' }, body: CONFIG }],
    ['/v1/_/reservations', { method: 'POST', body: reservation }],
    ['/v1/_/reservations/10.0.7.0-24', { method: 'DELETE' }],
  ];
  for (const [path, options] of writes) {
    const { status, code } = await server.ask(path, { ...other, ...options });
    assert.deepEqual([status, code], [403, 'PERMISSION'], path);
  }
  assert.equal((await server.store.readConfig())?.revision, 1);
  for (const [path, options] of writes) {
    const { status, text } = await server.ask(path, { ...admin, ...options });
    assert.equal(status, 200, `${path}: ${text}`);
  }
  // A reservation that is its own is not for a client to end.
  await server.ask('/v1/_/reservations', {
    ...{ ...admin, method: 'POST', body: `{"Subnet":"10.0.8.0/24","PublicIP":"${MINE}"}` },
  });
  const own = '/v1/_/leases/10.0.8.0-24';
  const mine = { ...other, from: MINE };
  const renewed = await server.ask(own, { ...mine, method: 'PUT', body: leaseBody(MINE) });
  assert.equal(renewed.status, 200, renewed.text);
  assert.equal((await server.ask(own, { ...mine, method: 'DELETE' })).status, 403);
  const { text } = await server.ask('/v1/_/reservations', other);
  assert.deepEqual(JSON.parse(text), [{ Subnet: '10.0.8.0/24', PublicIP: MINE }]);
}

test('by address: the address that a connection comes from is the PublicIP', async () => {
  await using server = await serving();
  await checkWrites(server, { from: MINE }, { from: OTHER });
});

test('an admin by address may write config, reservations and all leases; others may not', async () => {
  await using server = await serving({ policy: { admins: ['127.0.0.5'] } });
  await checkAdmin(server, { from: '127.0.0.5' }, { from: MINE });
});

test('a client cannot take what would be in the way of others, nor more than it can use', async () => {
  await using server = await serving();
  const take = (key: string) => server.ask(`/v1/_/leases/${key}`, { from: MINE, ...create(MINE) });
  for (const key of ['10.0.0.0-9', '11.0.1.0-24', '10.0.1.0-30', '0.0.0.0-0', '10.0.1.7-24']) {
    assert.equal((await take(key)).status, 400, key);
  }
  const statuses: number[] = [];
  for (let third = 1; third <= 5; third++) {
    statuses.push((await take(`10.0.${third}.0-24`)).status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 200, 409]);
  assert.equal((await server.store.list()).leases.length, 4);
});

test('by certificate: a name in it is the PublicIP, wherever it comes from', async () => {
  await using shell = await serving();
  const { ca, sign } = await makeAuthority(shell.folder);
  const pair = await sign('server', FOR_SERVERS);
  const tls = readTlsFiles('remote', { cafile: ca, certfile: pair.cert, keyfile: pair.key });
  await using server = await serving({
    tls,
    policy: { by: 'certificate', admins: ['operator'] },
  });
  const as = ({ cert, key }: KeyPair): RequestOptions => ({
    ...{ ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) },
  });
  const byCommonName = await sign(MINE, '');
  const byAddress = await sign('host-a', `subjectAltName=DNS:a.example,IP:${MINE}\n`);
  const another = await sign('host-b', `subjectAltName=IP:${OTHER}\n`);
  for (const mine of [byCommonName, byAddress]) {
    await checkWrites(server, { tls: as(mine) }, { tls: as(another), from: MINE });
    const [left] = (await server.store.list()).leases;
    await server.store.remove(left ?? assert.fail());
  }
  // A name that pretends to be several.
  const forged = await sign('host-c', `subjectAltName=DNS:"x, IP Address:${MINE}"\n`).catch(
    () => null,
  );
  if (forged !== null) {
    const { status } = await server.ask(PATH, { tls: as(forged), ...create(MINE) });
    assert.equal(status, 403);
  }
  const operator = await sign('operator', '');
  const { status } = await server.ask(PATH, { tls: as(operator), ...create('192.0.2.9') });
  assert.equal(status, 200, 'an admin by name');
});
