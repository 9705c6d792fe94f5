import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TartanError } from '../../src/errors.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openEtcdStore } from '../../src/store/etcd.ts';
import { type EtcdServer, startEtcd } from './etcd_server.ts';
import { changePassword, enableUsers } from './etcd_users.ts';
import { DAY_SECONDS, subnet, vxlanAttributes } from './fixtures.ts';
import { type Follower, follow, snapshotCount } from './follow.ts';
import { startProxy, type TcpProxy } from './tcp_proxy.ts';

const USER = { username: 'tartan', password: 'correct-horse-battery' };
/** Passwords are hashed at each login; the default takes a tenth of a second of CPU. */
const CHEAP = ['--bcrypt-cost', '4'] as const;

interface Scene extends AsyncDisposable {
  readonly server: EtcdServer;
  readonly proxy: TcpProxy;
  /** Speaks to etcd through the proxy, as USER. */
  readonly store: LeaseStore;
  readonly follower: Follower;
  /** Puts a lease there and sees it come by the watch. */
  checkWorks(): Promise<void>;
}

async function setUp(flags: readonly string[] = []): Promise<Scene> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startEtcd({ flags: [...CHEAP, ...flags] }));
  await enableUsers(server, USER);
  const proxy = stack.use(await startProxy(server.port));
  const store = await openEtcdStore({ endpoints: [proxy.url], ...USER });
  stack.defer(() => store.close());
  const follower = follow(store, (await store.list()).revision);
  stack.defer(() => follower.stop());
  let count = 0;
  const checkWorks = async () => {
    count += 1;
    const lease = await store.create(subnet(count), vxlanAttributes(count), DAY_SECONDS);
    assert.ok(lease);
    await follower.until(({ leases }) => leases.has(`10.0.${count}.0/24`));
  };
  await checkWorks();
  return {
    server,
    proxy,
    store,
    follower,
    checkWorks,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Tokens with an end, and bound to what users and roles are at their time. */
async function withJwt(ttl: string, check: (scene: Scene) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-jwt-'));
  try {
    const key = join(folder, 'key');
    writeFileSync(key, 'a key of this test, and of no other');
    await using scene = await setUp([
      ...['--auth-token', `jwt,priv-key=${key},sign-method=HS256,ttl=${ttl}`],
    ]);
    await check(scene);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('etcd: a token that etcd has forgotten is made anew, by calls and by the watch', async () => {
  await using scene = await setUp();
  const { server, proxy, checkWorks, follower } = scene;
  // Tokens live in its memory.
  await server.kill();
  await server.restart();
  await checkWorks();
  proxy.cut();
  await checkWorks();
  assert.ok(snapshotCount(follower) > 0);
});

test('etcd: tokens that end all the time are no trouble', () =>
  withJwt('1s', async ({ proxy, store, follower, checkWorks }) => {
    const endsAt = performance.now() + 3_500;
    for (let cuts = 0; performance.now() < endsAt; ) {
      await store.list();
      // Later than a token lives: so the watch comes back with one that has ended.
      if (endsAt - performance.now() < 2_000 - 1_200 * cuts) {
        cuts += 1;
        proxy.cut();
      }
    }
    await checkWorks();
    assert.ok(snapshotCount(follower) > 0);
  }));

test('etcd: a token that is out of date because users changed is made anew', () =>
  withJwt('1h', async ({ server, proxy, store, follower, checkWorks }) => {
    await server.etcdctl(['user', 'add', 'somebody:else']);
    await checkWorks();
    await server.etcdctl(['user', 'delete', 'somebody']);
    await Promise.all([store.list(), store.readConfig(), store.list()]);
    await server.etcdctl(['role', 'add', 'other']);
    proxy.cut();
    await checkWorks();
    assert.ok(snapshotCount(follower) > 0);
  }));

test('etcd: users switched off and on again', async () => {
  await using scene = await setUp();
  const { server, store, checkWorks } = scene;
  await server.etcdctl(['auth', 'disable']);
  await checkWorks();
  await server.kill();
  await server.restart();
  await checkWorks();
  server.login = null;
  await server.etcdctl(['auth', 'enable']);
  server.login = 'root:secret-of-root';
  await checkWorks();
  await store.list();
});

test('etcd: a password that is changed is told without being told, and taken back, all goes on', async () => {
  await using scene = await setUp();
  const { server, proxy, store, follower, checkWorks } = scene;
  await changePassword(server, { ...USER, password: 'another-one' });
  proxy.cut();
  await follower.until(({ updates }) => updates.at(-1)?.type === 'unavailable');
  const update = follower.updates.at(-1);
  assert.ok(update?.type === 'unavailable');
  assert.match(update.message, /authentication failed/);
  await assert.rejects(store.list(), (error: TartanError) => {
    assert.equal(error.code, 'STORE_FAILED');
    assert.match(error.hint, /--etcd-password/);
    assert.ok(!`${error.message} ${error.hint} ${error.stack}`.includes(USER.password));
    return true;
  });
  assert.ok(!update.message.includes(USER.password));
  await changePassword(server, USER);
  await follower.until(({ updates }) => updates.at(-1)?.type === 'snapshot');
  await checkWorks();
  assert.equal(follower.updates.filter(({ type }) => type === 'unavailable').length, 1);
});
