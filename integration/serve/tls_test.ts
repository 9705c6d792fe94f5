/** TLS at both ends: who is refused, and what each is told. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { acquireLease } from '../../src/agent/acquire.ts';
import { parseConfig } from '../../src/lease/config.ts';
import { openHttpStore } from '../../src/store/http.ts';
import type { HttpStoreOptions } from '../../src/store/http_options.ts';
import { readTlsFiles } from '../../src/store/tls_files.ts';
import {
  type Authority,
  FOR_CLIENTS,
  FOR_SERVERS,
  type KeyPair,
  makeAuthority,
} from '../store/certificates.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from '../store/fixtures.ts';
import { follow } from '../store/follow.ts';
import { CONFIG, type Serving, serving } from './support.ts';

let folder: string;
let ours: Authority;
let theirs: Authority;
let server: KeyPair;
let client: KeyPair;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tartan-tls-'));
  [ours, theirs] = [await makeAuthority(folder), await makeAuthority(folder, 'other')];
  server = await ours.sign('server', FOR_SERVERS);
  client = await ours.sign('192.168.0.2', FOR_CLIENTS);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const filesOf = ({ cert, key }: KeyPair) => ({ certfile: cert, keyfile: key });

/** A server with a certificate, which asks for those of clients unless it is told not to. */
function secured(pair: KeyPair, asks = true): Promise<Serving> {
  const tls = readTlsFiles('remote', { ...(asks && { cafile: ours.ca }), ...filesOf(pair) });
  return serving({ tls, policy: { by: asks ? 'certificate' : 'address' } });
}

async function listAt(
  { port }: Serving,
  files: Omit<HttpStoreOptions, 'remote'>,
  host = '127.0.0.1',
) {
  const store = await openHttpStore({ remote: `${host}:${port}`, ...files });
  return store.list().finally(() => store.close());
}

test('both ends with certificates of one authority: leases, and a watch that follows them', async () => {
  await using up = await secured(server);
  const remote = `127.0.0.1:${up.port}`;
  const store = await openHttpStore({ remote, cafile: ours.ca, ...filesOf(client) });
  const follower = follow(store, (await store.list()).revision);
  // Of 192.168.0.2, as the certificate says.
  const lease = await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  await follower.until(({ leases }) => leases.size === 1);
  await assert.rejects(store.create(subnet(2), vxlanAttributes(2), DAY_SECONDS), {
    code: 'PERMISSION',
    message: /a lease of 192\.168\.0\.3 cannot be written with a certificate of 192\.168\.0\.2/,
  });
  assert.equal(await store.remove(lease ?? assert.fail()), true);
  await follower.stop();
  await store.close();
});

test('a server that shows a certificate alone serves clients without one', async () => {
  await using up = await secured(server, false);
  assert.deepEqual((await listAt(up, { cafile: ours.ca })).leases, []);
});

test('a server whose certificate has expired, is for another name, or is another authority’s', async () => {
  const files = { cafile: ours.ca, ...filesOf(client) };
  for (const [pair, host, message] of [
    [await ours.sign('late', FOR_SERVERS, -1), '127.0.0.1', /certificate has expired/],
    [
      await ours.sign('elsewhere', 'subjectAltName=DNS:elsewhere.example\n'),
      ...(['localhost', /localhost.*elsewhere\.example/] as const),
    ],
    [await ours.sign('nobody', 'subjectAltName=IP:127.0.0.99\n'), '127.0.0.1', /127\.0\.0\.1/],
    [await theirs.sign('server', FOR_SERVERS), '127.0.0.1', /unable to verify|certificate/],
  ] as const) {
    await using up = await secured(pair);
    await assert.rejects(listAt(up, files, host), {
      ...{ code: 'STORE_FAILED', message, hint: /--remote-cafile/ },
    });
  }
});

test('a client whose certificate has expired, is another authority’s, or is missing', async () => {
  await using up = await secured(server);
  const late = await ours.sign('late', FOR_CLIENTS, -1);
  const foreign = await theirs.sign('192.168.0.2', FOR_CLIENTS);
  for (const [pair, message] of [
    [late, /the certificate of the client 127\.0\.0\.1 is not good: it has expired/],
    [foreign, /is not good: another authority has signed it/],
    [null, /is not good: none was shown/],
  ] as const) {
    const files = { cafile: ours.ca, ...(pair && filesOf(pair)) };
    await assert.rejects(listAt(up, files), {
      ...{ code: 'PERMISSION', message, hint: /--remote-certfile/ },
    });
  }
  assert.deepEqual((await listAt(up, { cafile: ours.ca, ...filesOf(client) })).leases, []);
});

test('TLS at one end alone is named', async () => {
  await using up = await secured(server);
  await assert.rejects(listAt(up, {}), { code: /^STORE_/, message: /cannot be reached|not HTTP/ });
  await using plain = await serving();
  await assert.rejects(listAt(plain, { cafile: ours.ca }), {
    ...{ code: 'STORE_FAILED', message: /does not speak TLS/ },
  });
});

test('files that are none, or do not belong together', async () => {
  const open = (files: Omit<HttpStoreOptions, 'remote'>) =>
    openHttpStore({ remote: '127.0.0.1:1', ...files });
  await assert.rejects(open({ cafile: '/nowhere.pem' }), {
    ...{ code: 'FILE', message: /\/nowhere\.pem \(--remote-cafile\)/ },
  });
  await assert.rejects(open({ certfile: client.cert, keyfile: server.key }), {
    ...{ code: 'FILE', message: /is not the key of/ },
  });
  await assert.rejects(open({ certfile: client.cert }), { code: 'USAGE' });
});

test('a node whose PublicIP has changed takes another subnet, as its former lease is not its own', async () => {
  await using up = await secured(server);
  const former = vxlanAttributes(1);
  const { vxlan } = former;
  const kept = await up.store.create(subnet(1), former, DAY_SECONDS);
  const publicIp = '192.168.0.77';
  const pair = await ours.sign(publicIp, FOR_CLIENTS);
  const remote = `127.0.0.1:${up.port}`;
  const store = await openHttpStore({ remote, cafile: ours.ca, ...filesOf(pair) });
  const vtepMac = vxlan?.vtepMac ?? assert.fail();
  const { lease, action } = await acquireLease({
    ...{ store, publicIp, vtepMac, previousSubnet: subnet(1), renewMarginSeconds: 3600 },
    config: parseConfig(CONFIG),
    remembered: { self: { subnet: subnet(1), publicIp: former.publicIp, vtepMac } },
    offer: () => ({ ...former, publicIp }),
    clocks: { now: Date.now, elapsed: () => performance.now() },
  });
  assert.equal(action, 'create');
  assert.notDeepEqual(lease.subnet, subnet(1));
  assert.equal((await up.store.get(subnet(1)))?.revision, kept?.revision, 'left alone');
  await store.close();
});
