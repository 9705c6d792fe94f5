/** Slow and hostile clients: what they get, and that others are served meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { waitFor } from '../../lab/ready.ts';
import { subnet, vxlanAttributes } from '../store/fixtures.ts';
import { leaseBody, openWire, type Serving, serving } from './support.ts';

const MINE = '127.0.0.2';
const GUEST = '127.0.0.9';

/** Somebody else is served as ever. */
async function checkServes(server: Serving): Promise<void> {
  const { status } = await server.ask('/v1/_/config', { from: GUEST });
  assert.equal(status, 200);
}

test('a body that is too long is refused, by its length and as it comes', async () => {
  await using server = await serving({ limits: { bodyBytes: 1_000 } });
  const path = '/v1/_/leases';
  for (const bytes of [1_001, 500_000]) {
    const body = ' '.repeat(bytes);
    const told = await server.ask(path, { from: MINE, method: 'POST', body });
    assert.deepEqual([told.status, told.code], [413, 'USAGE']);
    const headers = { 'Transfer-Encoding': 'chunked' };
    const chunked = await server.ask(path, { from: MINE, method: 'POST', body, headers });
    assert.equal(chunked.status, 413);
  }
  const within = leaseBody(MINE).padEnd(1_000);
  const { status } = await server.ask('/v1/_/leases/10.0.1.0-24', {
    ...{ from: MINE, method: 'PUT', body: within, headers: { 'If-None-Match': '*' } },
  });
  assert.equal(status, 200);
  // One that never ends.
  using wire = openWire(server.port);
  wire.socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
  const pour = () => {
    while (wire.socket.writable && wire.socket.write(chunk));
  };
  wire.socket.on('drain', pour);
  pour();
  await wire.ended;
  await checkServes(server);
});

test('headers that are too long, and what is no HTTP', async () => {
  await using server = await serving({ limits: { headerBytes: 2_048 } });
  for (const [sent, status] of [
    [`GET /v1/_/config HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(4_000)}\r\n\r\n`, 431],
    [`GET /${'x'.repeat(4_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    ['EHLO there\r\n\r\n', 400],
    ['GET /v1/_/config HTTP/1.1\r\n\r\n', 400],
    [
      'POST /v1/_/leases HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
      400,
    ],
    [
      'POST /v1/_/leases HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
  ] as const) {
    using wire = openWire(server.port);
    wire.socket.write(sent);
    assert.match(await wire.ended, new RegExp(`^HTTP/1\\.1 ${status} `), sent.slice(0, 60));
  }
  await checkServes(server);
});

test('garbage in paths, queries, conditions and bodies is refused by its name', async () => {
  await using server = await serving();
  const at = (match: string) => ({ headers: { 'If-Match': match } });
  const put = (body: string) => ({ method: 'PUT', body, headers: { 'If-None-Match': '*' } });
  const path = '/v1/_/leases/10.0.1.0-24';
  for (const [where, options, status, message] of [
    ['/', {}, 404, /nothing at/],
    ['/v1/', {}, 404, /nothing at/],
    ['/v1/_', {}, 404, /nothing at/],
    ['/v1/_/leases/', {}, 400, /subnet's key/],
    ['/v1/_/leases/a/b', {}, 404, /nothing at/],
    ['/v2/_/leases', {}, 404, /nothing at/],
    ['//v1/_/leases', {}, 404, /nothing at/],
    ['/v1/_/__proto__', {}, 404, /nothing at/],
    ['/v1/_/leases/..%2f..%2fconfig', {}, 400, /subnet's key/],
    ['/v1/%zz/leases', {}, 400, /%zz/],
    ['/v1/a%00b/leases', {}, 400, /network's name/],
    ['/v1/blue/leases', {}, 404, /no network blue/],
    ['/v1/_/leases/10.0.1.7-24', {}, 400, /10\.0\.1\.7-24/],
    ['/v1/_/leases/10.0.1.0-24', {}, 404, /no lease of 10\.0\.1\.0\/24/],
    ['/v1/_/leases?next=x', {}, 400, /next is \\"x\\"/],
    ['/v1/_/leases?next=-1', {}, 400, /next/],
    ['/v1/_/leases?next=1&wait=soon', {}, 400, /wait is \\"soon\\"/],
    [path, { method: 'PATCH' }, 405, /PATCH is not for/],
    ['/v1/_/constructor', {}, 404, /nothing at/],
    [path, { ...put(leaseBody(MINE)), ...at('x') }, 400, /If-Match is/],
    [`${path}?ttl=0`, put(leaseBody(MINE)), 400, /ttl is \\"0\\"/],
    [`${path}?ttl=86401`, put(leaseBody(MINE)), 400, /ttl is/],
    [path, put(''), 400, /not JSON/],
    [path, put('[]'), 400, /no JSON object/],
    [path, put('{}'), 400, /not an object/],
    [path, put('{"Attrs":{"PublicIP":"nowhere"}}'), 400, /nowhere/],
    [path, put('{"Subnet":"10.0.2.0/24","Attrs":{"PublicIP":"127.0.0.2"}}'), 400, /10\.0\.2\.0/],
    [
      path,
      put('{"Attrs":{"PublicIP":"127.0.0.2","BackendType":"wireguard","BackendData":{}}}'),
      ...([400, /wireguard/] as const),
    ],
    ['/v1/_/leases', { method: 'POST', body: '\xff\xfe' }, 400, /./],
  ] as const) {
    const told = await server.ask(where, { from: MINE, ...options });
    assert.equal(told.status, status, `${where}: ${told.text}`);
    assert.match(told.text, message);
    const { code, message: said, hint } = JSON.parse(told.text);
    assert(code && said && hint, told.text);
  }
  assert.deepEqual((await server.store.list()).leases, []);
});

test('who dawdles over a request is cut off: with the headers, with the body', async () => {
  await using server = await serving({ limits: { headersMs: 300, requestMs: 600 } });
  for (const start of [
    'GET /v1/_/config HTTP/1.1\r\nHost: x\r\n',
    'POST /v1/_/leases HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n',
  ]) {
    using wire = openWire(server.port);
    wire.socket.write(start);
    // A byte now and then keeps nobody from being cut off.
    const drip = setInterval(() => wire.socket.write('x'), 50);
    const startedAt = performance.now();
    const said = await wire.ended.finally(() => clearInterval(drip));
    assert.match(said, /^HTTP\/1\.1 408 |^$/);
    assert(performance.now() - startedAt < 10_000);
    await checkServes(server);
  }
});

test('who says nothing, or does not read, is cut off', async () => {
  await using server = await serving({ limits: { idleMs: 500, connectionsPerAddress: 1 } });
  // Far more than the buffers of both ends hold.
  const publicIpv6 = 'x'.repeat(1_000_000);
  for (let index = 1; index <= 12; index++) {
    await server.store.create(subnet(index), { ...vxlanAttributes(index), publicIpv6 }, 'never');
  }
  using silent = openWire(server.port, GUEST);
  assert.equal(await silent.ended, '');
  using deaf = openWire(server.port, MINE);
  await once(deaf.socket, 'connect');
  deaf.socket.pause();
  deaf.socket.write('GET /v1/_/leases HTTP/1.1\r\nHost: x\r\n\r\n');
  // As long as it is there, there is no room for another connection from its address.
  const isIn = () => server.ask('/v1/_/config', { from: MINE }).then(Boolean, () => false);
  assert.equal(await isIn(), false);
  await waitFor('the deaf one is cut off', isIn);
  await checkServes(server);
});

test('connections: so many of one address, so many in all; and room again when they end', async () => {
  await using server = await serving({ limits: { connections: 6, connectionsPerAddress: 3 } });
  const open = async (from: string) => {
    const wire = openWire(server.port, from);
    await once(wire.socket, 'connect');
    // It is in when it is answered.
    wire.socket.write('GET /v1/_/config HTTP/1.1\r\nHost: x\r\n\r\n');
    const isIn = await Promise.race([
      waitFor('an answer', () => wire.received().includes('200 OK')).then(() => true),
      wire.ended.then((said) => said.includes('200 OK')),
    ]);
    return { wire, isIn };
  };
  const opened = [];
  for (const from of [MINE, MINE, MINE, MINE, '127.0.0.3', '127.0.0.3', '127.0.0.4', '127.0.0.5']) {
    opened.push(await open(from));
  }
  assert.deepEqual(
    opened.map(({ isIn }) => isIn),
    [true, true, true, false, true, true, true, false],
  );
  assert(server.logged.some((line) => /connection too many.*127\.0\.0\.2/.test(line)));
  opened[0]?.wire.socket.destroy();
  await opened[0]?.wire.ended;
  await waitFor('room again', async () => {
    const { wire, isIn } = await open(MINE);
    wire.socket.destroy();
    return isIn;
  });
  for (const { wire } of opened) wire.socket.destroy();
});

test('long polls: so many of one address, so many in all, and none for ever', async () => {
  await using server = await serving({
    limits: { polls: 4, pollsPerAddress: 2, pollMs: 1_500, requestsPerConnection: 2 },
  });
  const { cursor } = JSON.parse((await server.ask('/v1/_/leases')).text);
  const path = `/v1/_/leases?next=${cursor}&wait=9999`;
  const addresses = [MINE, MINE, MINE, '127.0.0.3', '127.0.0.4', '127.0.0.5'];
  const told: { from: string; status: number; afterMs: number }[] = [];
  const startedAt = performance.now();
  // In whatever order they come: two of the first address at most, and four in all.
  const polls = addresses.map(async (from) => {
    const { status } = await server.ask(path, { from });
    told.push({ from, status, afterMs: performance.now() - startedAt });
  });
  await waitFor('the refusals', () => told.filter(({ status }) => status === 429).length === 2);
  await checkServes(server);
  await Promise.all(polls);
  assert.equal(told.filter(({ status }) => status === 200).length, 4);
  assert(told.some(({ from, status }) => from === MINE && status === 429));
  for (const { status, afterMs } of told) assert(status === 429 || afterMs >= 1_400, `${afterMs}`);
  // Room again, also for who has gone away without waiting.
  const leaving = new AbortController();
  const left = server.ask(path, { from: MINE, signal: leaving.signal }).catch(() => 'left');
  leaving.abort();
  assert.equal(await left, 'left');
  const again = await Promise.all([MINE, MINE].map((from) => server.ask(path, { from })));
  assert.deepEqual(
    again.map(({ status }) => status),
    [200, 200],
  );
  // Many on one connection.
  using wire = openWire(server.port, '127.0.0.7');
  const { length } = Array.from({ length: 4 }, () =>
    wire.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`),
  );
  const said = await wire.ended;
  assert.equal(length, 4);
  assert.match(said, /HTTP\/1\.1 429 /);
});

test('what is nested deeply, or ends in the middle, is the client’s fault, and not told as ours', async () => {
  await using server = await serving();
  const path = '/v1/_/leases';
  for (const depth of [2_000, 5_000, 20_000]) {
    const body = '['.repeat(depth) + ']'.repeat(depth);
    const told = await server.ask(path, { from: MINE, method: 'POST', body });
    assert.deepEqual([told.status, told.code], [400, 'USAGE'], `${depth}`);
  }
  using wire = openWire(server.port);
  wire.socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n{`);
  await checkServes(server);
  wire.socket.destroy();
  await waitFor('it is refused', () => server.logged.some((line) => /refused with 400/.test(line)));
  assert(!server.logged.some((line) => /a request failed/.test(line)), server.logged.join('\n'));
});
