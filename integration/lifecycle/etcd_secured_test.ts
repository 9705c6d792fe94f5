import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join as joinPath } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { Environment, RunResult } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { type EtcdServer, startEtcd } from '../store/etcd_server.ts';
import { fillUp, makeRoom, SMALL_QUOTA } from '../store/etcd_space.ts';
import { changePassword, enableUsers } from '../store/etcd_users.ts';
import { assertJsonError, hostsOf, lacks, parseReport, peersInKernel } from './support.ts';
import { startWatch } from './watching.ts';

const USER = { username: 'tartan', password: 'correct-horse-battery' };
const NOBODY = '65534';
/** Of `watch`, by default. */
const MARGIN_SECONDS = 3600;

/**
 * As a cluster is run: client certificates, users, tokens that end, a quota. What is written for others lies beyond the
 * first hundred subnets, of which a host that joins takes one.
 */
describe('a secured etcd', { concurrency: 1, skip: lacks('etcd', 'etcdctl') }, () => {
  let lab: Lab;
  let a: Host;
  let server: EtcdServer;
  let env: Environment;
  before(async () => {
    lab = await createLab({ name: 'lifesecured', hosts: 1, pods: 0 });
    [a] = hostsOf(lab);
    const key = joinPath(dirname(a.stateDir), 'jwt.key');
    writeFileSync(key, 'a key of this test, and of no other');
    const jwt = `jwt,priv-key=${key},sign-method=HS256,ttl=1s`;
    server = await startEtcd({
      tls: 'mutual',
      namespace: a.namespace,
      flags: ['--bcrypt-cost', '4', '--auth-token', jwt, ...SMALL_QUOTA],
    });
    await enableUsers(server, USER);
    const { ca, client } = server.certificates ?? assert.fail();
    env = {
      FLANNELD_STORE: '',
      FLANNELD_ETCD_ENDPOINTS: server.url,
      FLANNELD_ETCD_CAFILE: ca,
      FLANNELD_ETCD_CERTFILE: client.cert,
      FLANNELD_ETCD_KEYFILE: client.key,
      FLANNELD_ETCD_USERNAME: USER.username,
      FLANNELD_ETCD_PASSWORD: USER.password,
    };
    await tartan('init-config', '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await lab?.destroy();
  });

  /** Hangs the lease on a grant that ends sooner. */
  async function endSoon(subnet: string, seconds: number): Promise<void> {
    const key = `/coreos.com/network/subnets/${subnet.replace('/', '-')}`;
    const value = await server.etcdctl(['get', '--print-value-only', key]);
    const granted = await server.etcdctl(['lease', 'grant', String(seconds)]);
    const id = /lease (\S+) granted/.exec(granted)?.[1] ?? '';
    await server.etcdctl(['put', '--lease', id, key], value.trimEnd());
  }

  const tartan = (...args: string[]) => a.tartan(args, { env });
  const secrets = () => [
    USER.password,
    'wrong-secret',
    readFileSync(env.FLANNELD_ETCD_KEYFILE ?? '', 'utf8'),
  ];

  function assertNoSecret({ stdout, stderr }: Pick<RunResult, 'stdout' | 'stderr'>): void {
    for (const secret of secrets()) assert(!`${stdout}${stderr}`.includes(secret));
  }

  async function assertRefused(change: Environment, message: RegExp, hint: RegExp): Promise<void> {
    for (const args of [['join'], ['renew'], ['lease', 'list']]) {
      const options = { env: { ...env, ...change }, mayFail: true };
      const result = await a.tartan([...args, '--json', '--log-level', 'debug'], options);
      const code = /"code":"FILE"/.test(result.stdout) ? 'FILE' : 'STORE_FAILED';
      assertJsonError(result, { exit: 1, code, message, hint });
      assertNoSecret(result);
    }
  }

  it('takes a host that shows who it is, and keeps its secrets', async () => {
    const joined = await tartan('join');
    const { subnet } = parseReport<{ subnet: string }>(joined);
    const renewed = await tartan('renew');
    assert.equal(parseReport<{ subnet: string }>(renewed).subnet, subnet);
    for (const run of [joined, renewed, await tartan('lease', 'list')]) assertNoSecret(run);
    const stdout = readFileSync(`${a.stateDir}/default/state.json`, 'utf8');
    assertNoSecret({ stdout, stderr: '' });
  });

  it('refuses one that does not, and it is told why, without the secret', async () => {
    await assertRefused(
      { FLANNELD_ETCD_PASSWORD: 'wrong-secret' },
      /authentication failed, invalid user ID or password/,
      /--etcd-username and --etcd-password/,
    );
    await assertRefused(
      { FLANNELD_ETCD_USERNAME: '', FLANNELD_ETCD_PASSWORD: '' },
      /./,
      /--etcd-username and --etcd-password|grant-permission/,
    );
    await assertRefused({ FLANNELD_ETCD_CAFILE: '' }, /certificate/, /--etcd-cafile/);
    const { server: wrong } = server.certificates ?? assert.fail();
    await assertRefused(
      { FLANNELD_ETCD_KEYFILE: wrong.key },
      /is not the key of .*client\.pem/,
      /made for each other/,
    );
  });

  it('lease needs no root', async () => {
    const { ca, client } = server.certificates ?? assert.fail();
    await a.exec(['chmod', 'a+rx', dirname(ca)]);
    await a.exec(['chmod', 'a+r', ca, client.cert, client.key]);
    const asNobody = ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'];
    const run = (...args: string[]) => a.exec([...asNobody, 'tartan', 'lease', ...args], { env });
    const reserved = await run('reserve', '10.5.177.0/24', '192.168.77.77');
    assert.equal(parseReport<{ changed: boolean }>(reserved).changed, true);
    assert.match((await run('list')).stdout, /10\.5\.177\.0\/24 +192\.168\.77\.77 .*reservation/);
    const released = await run('release', '10.5.177.0/24');
    assert.equal(parseReport<{ leaseExpires: null }>(released).leaseExpires, null);
  });

  it('watch outlives tokens, a restart and a changed password, and says what is wrong once', async () => {
    await tartan('join');
    await using watching = await startWatch(a, ['--log-level', 'debug'], { env });
    const putPeer = (third: number) =>
      server.etcdctl(
        ['put', `/coreos.com/network/subnets/10.5.${third}.0-24`],
        `{"PublicIP":"192.168.77.${third}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:99"}}`,
      );
    // It takes longer than a token lives.
    const before = watching.events().length;
    await server.kill();
    await server.restart();
    await watching.event('synced', before);
    await putPeer(201);
    await waitFor('the peer', () => '10.5.201.0/24' in peersInKernel(a));

    const from = watching.events().length;
    await changePassword(server, { ...USER, password: 'another-one' });
    await server.kill();
    await server.restart();
    const refused = () =>
      watching
        .events()
        .slice(from)
        .filter(({ message }) => /authentication failed/.test(message ?? ''));
    await waitFor('the refusal', () => refused().length > 0 || watching.events().length > from);
    await changePassword(server, USER);
    await putPeer(202);
    await waitFor('the other peer', () => '10.5.202.0/24' in peersInKernel(a));
    assert(refused().length <= 1);
    const { stdout, stderr } = await watching.running.stop();
    assertNoSecret({ stdout, stderr });
  });

  it('full: commands say what to do, watch tells it once and renews when there is room', async () => {
    const { subnet } = parseReport<{ subnet: string }>(await tartan('join'));
    await endSoon(subnet, MARGIN_SECONDS + 8);
    await fillUp(server);
    const expected = {
      exit: 1,
      code: 'STORE_FAILED',
      message: /mvcc: database space exceeded/,
      hint: /compact, defragment, and disarm the alarm/,
    } as const;
    await using watching = await startWatch(a, [], { env });
    for (const args of [['renew'], ['lease', 'reserve', '10.5.178.0/24', '192.168.77.78']]) {
      const result = await a.tartan([...args, '--json'], { env, mayFail: true });
      assertJsonError(result, expected);
      assertNoSecret(result);
    }
    assert.match((await tartan('lease', 'list')).stdout, new RegExp(a.address));
    const failures = () => watching.events().filter(({ type }) => type === 'error');
    await waitFor('the renewal fails', () => failures().length > 0, { limitSeconds: 30 });
    assert.match(failures()[0]?.message ?? '', expected.message);
    await makeRoom(server);
    await waitFor('the renewal', () => watching.events().some(({ type }) => type === 'renewed'), {
      limitSeconds: 40,
    });
    assert.equal(failures().length, 1);
    await watching.running.stop();
    await tartan('teardown');
  });
});
