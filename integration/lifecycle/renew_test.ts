import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { waitFor } from '../../lab/ready.ts';
import { lockFile } from '../../src/sys/flock.ts';
import { startFaulty } from './faults.ts';
import { fingerprint } from './fingerprint.ts';
import {
  assertRefuses,
  hostsOf,
  initConfig,
  join,
  labPerTest,
  lacks,
  parseReport,
  type StoredLease,
  storedLeases,
  teardown,
} from './support.ts';

const NO_ETCD = lacks('etcd', 'etcdctl');

function onlyLease(leases: readonly StoredLease[]): StoredLease {
  const [lease, ...others] = leases;
  assert(lease && others.length === 0, JSON.stringify(leases));
  return lease;
}

describe('a host and its lease', { concurrency: 2 }, () => {
  describe('renew', { concurrency: 1 }, () => {
    const labOf = labPerTest('liferenew');

    it('says who has the lease if it is another’s, and that it is gone if it is gone', {
      skip: NO_ETCD,
    }, async () => {
      const created = await labOf({ hosts: 1, store: 'etcd' });
      const [a] = hostsOf(created);
      await initConfig(created);
      const never = {
        exit: 1,
        code: 'LEASE_LOST',
        message: /has not joined: there is no .*state\.json/,
        hint: /tartan join/,
      } as const;
      await assertRefuses(a, ['renew'], never);
      const { subnet } = await join(a);
      const key = `/coreos.com/network/subnets/${subnet.replace('/', '-')}`;
      const { value } = onlyLease(await storedLeases(created));
      const put = (text: string) => created.etcd?.ctl(['put', key], { input: text });

      await put(value.replace(a.address, '192.168.77.99'));
      const lost = { exit: 1, code: 'LEASE_LOST', hint: /tartan join/ } as const;
      await assertRefuses(a, ['renew'], {
        ...lost,
        message: new RegExp(`${subnet} belongs to 192\\.168\\.77\\.99`),
      });
      await put(value.replace(/"VtepMAC":"[^"]+"/, '"VtepMAC":"02:00:00:00:00:01"'));
      await assertRefuses(a, ['renew'], {
        ...lost,
        message: /belongs to 192\.168\.77\.10 \(VTEP 02:00:00:00:00:01\)/,
      });
      assert.match(
        onlyLease(await storedLeases(created)).value,
        /02:00:00:00:00:01/,
        'not overwritten',
      );
      await created.etcd?.ctl(['del', key]);
      await assertRefuses(a, ['renew'], { ...lost, message: new RegExp(`${subnet} is gone`) });
      assert.deepEqual(await storedLeases(created), []);
    });

    it('a reservation, a key without TTL, stays one through join, renew and join', {
      skip: NO_ETCD,
    }, async () => {
      const created = await labOf({ hosts: 1, store: 'etcd' });
      const [a] = hostsOf(created);
      await initConfig(created);
      const key = '/coreos.com/network/subnets/10.5.34.0-24';
      const input = `{"PublicIP":"${a.address}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}`;
      await created.etcd?.ctl(['put', key], { input });
      const report = await join(a);
      assert.equal(report.subnet, '10.5.34.0/24');
      assert.equal(report.leaseExpires, null);
      const renewed = parseReport<{ leaseExpires: null }>(await a.tartan(['renew']));
      assert.equal(renewed.leaseExpires, null);
      assert.equal((await join(a)).changed, false);
      const { hasTtl, value } = onlyLease(await storedLeases(created));
      assert.equal(hasTtl, false);
      assert.equal(value, input, 'the MAC that it published is kept');
      assert.match((await created.etcd?.ctl(['lease', 'list']))?.stdout ?? '', /^found 0 leases/);
    });
  });

  describe('two commands at once on one host', { concurrency: 1 }, () => {
    const labOf = labPerTest('lifetwo');

    it('two joins: one takes the lease, the other says BUSY or finds it done', async () => {
      const created = await labOf({ hosts: 1 });
      const [a] = hostsOf(created);
      await initConfig(created);
      for (let round = 0; round < 3; round += 1) {
        const results = await Promise.all(
          [1, 2, 3].map(() => a.tartan(['join'], { mayFail: true })),
        );
        for (const { code, stderr } of results) {
          assert([0, 75].includes(code), stderr);
          if (code === 75) assert.match(stderr, /another tartan is at work/);
        }
        assert(results.some(({ code }) => code === 0));
        const joined = await join(a);
        assert.equal(joined.changed, false);
        assert.equal(onlyLease(await storedLeases(created)).subnet, joined.subnet);
        const mixed = await Promise.all([
          a.tartan(['join'], { mayFail: true }),
          a.tartan(['teardown'], { mayFail: true }),
        ]);
        assert(
          mixed.every(({ code }) => [0, 75].includes(code)),
          mixed.map(({ stderr }) => stderr).join(),
        );
        await teardown(a);
        assert.deepEqual(await storedLeases(created), []);
        const { links, pins, files } = fingerprint(a);
        assert.deepEqual(
          links.map(({ ifname }) => ifname),
          ['lo', 'eth0'],
        );
        assert.deepEqual({ pins, files }, { pins: {}, files: {} });
      }
    });

    it('a lock that was opened before teardown removed it does not count', async () => {
      const lab = await labOf({ hosts: 1 });
      const [a] = hostsOf(lab);
      await initConfig(lab);
      await join(a);
      const path = `${a.stateDir}/default/lock`;
      // Stops between open(2) and flock(2).
      const stopped = startFaulty(a, 'join', 'SIGSTOP before', 1);
      await waitFor('it has stopped', () =>
        /^State:\s+T/m.test(readFileSync(`/proc/${stopped.pid}/status`, 'utf8')),
      );
      await teardown(a);
      mkdirSync(dirname(path), { recursive: true });
      const lock = lockFile(path);
      assert(lock);
      process.kill(stopped.pid, 'SIGCONT');
      const { code, stderr } = await stopped.ended;
      lock.release();
      assert.equal(code, 75, `two hold the lock at once: ${stderr}`);
      await teardown(a);
    });

    it('whoever holds the lock keeps join, watch and teardown out: BUSY, 75', async () => {
      const created = await labOf({ hosts: 1 });
      const [a] = hostsOf(created);
      await initConfig(created);
      await join(a);
      const before = fingerprint(a);
      const lock = await waitFor('the lock', () => lockFile(`${a.stateDir}/default/lock`));
      try {
        for (const command of ['join', 'watch', 'teardown']) {
          await assertRefuses(a, [command], {
            exit: 75,
            code: 'BUSY',
            message: /another tartan is at work on this network: it holds .*\/default\/lock/,
            hint: /Wait until it is done/,
          });
        }
      } finally {
        lock.release();
      }
      assert.deepEqual(fingerprint(a), before);
    });
  });
});
