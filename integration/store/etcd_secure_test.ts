import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TartanError } from '../../src/errors.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openEtcdStore } from '../../src/store/etcd.ts';
import type { EtcdStoreOptions } from '../../src/store/etcd_options.ts';
import { type EtcdServer, startEtcd } from './etcd_server.ts';
import { enableUsers } from './etcd_users.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { follow } from './follow.ts';

const PASSWORD = 'correct-horse-battery';

async function using<T>(
  server: EtcdServer,
  options: Partial<EtcdStoreOptions>,
  use: (store: LeaseStore) => Promise<T>,
): Promise<T> {
  const store = await openEtcdStore({ endpoints: [server.url], ...options });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Creates a lease and sees it come by the watch. */
async function checkWorks(store: LeaseStore): Promise<void> {
  const follower = follow(store, (await store.list()).revision);
  const lease = await store.create(subnet(1), vxlanAttributes(1), DAY_SECONDS);
  await follower.until(({ leases }) => leases.size === 1);
  await follower.stop();
  assert.equal(await store.remove(lease ?? assert.fail()), true);
}

test('etcd: a CA given alone is honoured, and needed', async () => {
  await using server = await startEtcd({ tls: 'server' });
  const ca = server.certificates?.ca ?? assert.fail();
  await using(server, { cafile: ca }, checkWorks);
  await using(server, {}, (store) =>
    assert.rejects(store.list(), {
      code: 'STORE_FAILED',
      message: /certificate/,
      hint: /etcd-cafile/,
    }),
  );
});

test('etcd: client certificates are shown, and bad files named', async () => {
  await using server = await startEtcd({ tls: 'mutual' });
  const { ca, client } = server.certificates ?? assert.fail();
  const pair = { certfile: client.cert, keyfile: client.key };
  await using(server, { cafile: ca, ...pair }, checkWorks);
  await using(server, { cafile: ca }, (store) =>
    assert.rejects(store.list(), (error: TartanError) => /^STORE_/.test(error.code)),
  );

  const open = (options: Partial<EtcdStoreOptions>) =>
    openEtcdStore({ endpoints: [server.url], cafile: ca, ...options });
  await assert.rejects(open({ cafile: '/nowhere/ca.pem' }), {
    code: 'FILE',
    message: /\/nowhere\/ca\.pem \(--etcd-cafile\)/,
  });
  await assert.rejects(open({ certfile: client.cert }), { code: 'USAGE' });
  const garbage = join(dirname(ca), 'garbage.pem');
  writeFileSync(garbage, 'garbage');
  await assert.rejects(open({ ...pair, keyfile: garbage }), {
    code: 'FILE',
    message: /garbage\.pem \(--etcd-keyfile\)/,
  });
  writeFileSync(garbage, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  await assert.rejects(open({ ...pair, keyfile: garbage }), {
    code: 'FILE',
    message: /etcd-keyfile/,
  });
});

test('etcd: user and password, right, wrong, without permission, not needed', async () => {
  await using server = await startEtcd();
  const user = { username: 'tartan', password: PASSWORD };
  await using(server, user, (store) => Promise.all([store.readConfig(), store.list()]));
  await using(server, user, checkWorks);

  await enableUsers(server, user);

  await using(server, user, checkWorks);
  const refused = (hint: RegExp, secret: string) => (error: TartanError) => {
    assert.equal(error.code, 'STORE_FAILED');
    assert.match(error.hint, hint);
    assert.ok(!`${error.message} ${error.hint} ${error.stack}`.includes(secret));
    return true;
  };
  await using(server, { ...user, password: 'wrong-secret' }, (store) =>
    assert.rejects(store.readConfig(), refused(/--etcd-password/, 'wrong-secret')),
  );
  await using(server, {}, (store) =>
    assert.rejects(store.readConfig(), refused(/--etcd-username/, PASSWORD)),
  );
  await using(server, { ...user, prefix: '/elsewhere' }, async (store) => {
    await assert.rejects(store.list(), refused(/grant-permission/, PASSWORD));
    const follower = follow(store, 1);
    await follower.until(({ updates }) => updates[0]?.type === 'unavailable');
    await follower.stop();
  });
});

test('etcd: a URL with a password is refused without repeating it', async () => {
  await assert.rejects(
    openEtcdStore({ endpoints: ['http://me:s3cret@127.0.0.1:2379'] }),
    (error: TartanError) => {
      assert.equal(error.code, 'USAGE');
      return !`${error.message} ${error.stack}`.includes('s3cret');
    },
  );
});
