import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { type Probes, serveHealth } from '../../src/serve/health.ts';

const HERE = { address: '127.0.0.1', port: 0 };

async function serving(probes: Probes) {
  const server = await serveHealth(HERE, probes);
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return { status: response.status, body: await response.text() };
  };
  return { ...server, ask, [Symbol.asyncDispose]: server.close };
}

test('a probe is told how it is at the moment', async () => {
  let good = true;
  await using server = await serving({ '/healthz': () => ({ good, text: `good: ${good}` }) });
  assert.deepEqual(await server.ask('/healthz'), { status: 200, body: 'good: true\n' });
  good = false;
  assert.deepEqual(await server.ask('/healthz?verbose'), { status: 503, body: 'good: false\n' });
  assert.deepEqual(await server.ask('/healthz', 'HEAD'), { status: 503, body: '' });
});

test('a page is told as it is, when it is made, and one that cannot be made ends nobody', async () => {
  const made = Promise.withResolvers<{ contentType: string; text: string }>();
  await using server = await serving({
    '/metrics': () => made.promise,
    '/broken': () => Promise.reject(new Error('no kernel')),
    '/thrown': () => {
      throw new Error('no process');
    },
  });
  const asked = fetch(`http://127.0.0.1:${server.port}/metrics`);
  assert.deepEqual(await server.ask('/broken'), { status: 500, body: 'no kernel\n' });
  assert.deepEqual(await server.ask('/thrown'), { status: 500, body: 'no process\n' });
  made.resolve({ contentType: 'text/plain; version=0.0.4', text: 'a 1\nb 2\n' });
  const response = await asked;
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4');
  assert.equal(await response.text(), 'a 1\nb 2\n');
  assert.deepEqual(await server.ask('/metrics', 'HEAD'), { status: 200, body: '' });
});

test('what is no probe is refused', async () => {
  await using server = await serving({ '/healthz': () => ({ good: true, text: '' }) });
  assert.deepEqual(await server.ask('/toString'), { status: 404, body: '/healthz\n' });
  assert.equal((await server.ask('/healthz', 'POST')).status, 405);
});

test('a port that another process has, and an address that is not here', async () => {
  await using server = await serving({});
  await assert.rejects(serveHealth({ ...HERE, port: server.port }, {}), {
    code: 'BUSY',
    message: `another process listens at 127.0.0.1:${server.port}`,
  });
  await assert.rejects(serveHealth({ address: '192.0.2.1', port: 0 }, {}), { code: 'USAGE' });
});

test('closing does not wait for who says nothing, and garbage ends nobody', async () => {
  const server = await serving({ '/healthz': () => ({ good: true, text: 'ok' }) });
  const silent = connect(server.port, '127.0.0.1');
  await once(silent, 'connect');
  const garbled = connect(server.port, '127.0.0.1');
  garbled.end('\0\0 nothing\r\n\r\n');
  assert.match(await text(garbled), /^HTTP\/1\.1 400 /);
  const broken = connect(server.port, '127.0.0.1', () => broken.resetAndDestroy());
  await once(broken, 'close');
  assert.equal((await server.ask('/healthz')).status, 200);
  const closed = once(silent, 'close');
  await server.close();
  await closed;
});
