import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import type { ReleaseReport, ReservationReport } from '../../src/agent/lease.ts';
import type { LeaseList } from '../../src/agent/lease_rows.ts';
import { fingerprint } from './fingerprint.ts';
import {
  assertRefuses,
  hostsOf,
  initConfig,
  join,
  labPerTest,
  lacks,
  parseReport,
  peersInKernel,
  storedLeases,
  teardown,
} from './support.ts';
import { startWatch } from './watching.ts';

const NO_ETCD = lacks('etcd', 'etcdctl');

/** Not among the first hundred, of which hosts that join take one. */
const [SUBNET, BEYOND, BESIDE] = ['10.5.151.0/24', '10.5.152.0/24', '10.5.153.0/24'];

async function lease<T>(host: Host, ...words: readonly string[]): Promise<T> {
  return parseReport<T>(await host.tartan(['lease', ...words]));
}

const list = async (host: Host) => (await lease<LeaseList>(host, 'list', '--json')).leases;

for (const store of ['file', 'etcd'] as const) {
  describe(`reservations on ${store}`, { skip: store === 'etcd' && NO_ETCD }, () => {
    const labOf = labPerTest(`lifereserve${store}`);
    const bareOf = (host: Host) => `{"PublicIP":"${host.address}","PublicIPv6":null}`;

    it('made before the host joins: taken, kept through renew, watch and teardown, released', async () => {
      const lab = await labOf({ hosts: 2, store });
      const [a, b] = hostsOf(lab);
      await initConfig(lab);
      const reserved = await lease<ReservationReport>(b, 'reserve', SUBNET, a.address);
      assert.deepEqual(
        [reserved.subnet, reserved.publicIp, reserved.reservation, reserved.changed],
        [SUBNET, a.address, true, true],
      );
      assert.deepEqual(await storedLeases(lab), [
        { subnet: SUBNET, value: bareOf(a), publicIp: a.address, hasTtl: false },
      ]);

      const joined = await join(a);
      assert.deepEqual([joined.subnet, joined.leaseExpires], [SUBNET, null]);
      parseReport(await a.tartan(['renew']));
      const [kept] = await storedLeases(lab);
      assert.equal(kept?.hasTtl, false);
      assert.match(kept?.value ?? '', /"BackendType":"vxlan".*"VtepMAC"/);
      assert.equal((await lease<ReservationReport>(b, 'reserve', SUBNET)).changed, false);

      await join(b);
      const mine = (await list(a)).find(({ own }) => own);
      assert.equal(mine?.subnet, SUBNET);
      assert.equal((await list(b)).find(({ own }) => own)?.publicIp, b.address);

      {
        await using watching = await startWatch(a);
        const released = await lease<ReleaseReport>(b, 'release', SUBNET);
        assert.equal(released.publicIp, a.address);
        assert.notEqual(released.leaseExpires, null);
        if (store === 'etcd') assert.equal((await watching.event('renewed')).subnet, SUBNET);
        const again = await lease<ReservationReport>(b, 'reserve', SUBNET);
        assert.equal(again.vtepMac, mine.vtepMac);
        await watching.running.stop();
        const types = watching.events().map(({ type }) => type);
        assert(!types.includes('lost'), types.join());
      }

      const before = await teardown(a);
      assert.equal(before.leaseRemoved, false);
      const left = (await storedLeases(lab)).find(({ subnet }) => subnet === SUBNET);
      assert.deepEqual([left?.value, left?.hasTtl], [bareOf(a), false]);
      await join(b);
      assert.deepEqual(peersInKernel(b), {});
      const gone = await lease<ReleaseReport>(b, 'release', SUBNET);
      assert.deepEqual([gone.changed, gone.leaseExpires], [true, null]);
      assert.equal((await storedLeases(lab)).length, 1);
    });

    for (const [backend, dataplane] of [
      ['vxlan', 'bpf'],
      ['vxlan', 'kernel'],
      ['udp', 'user'],
      ['host-gw', 'bpf'],
    ] as const) {
      it(`made for a host that has joined: taken up in ${backend}, --dataplane ${dataplane}`, async () => {
        const lab = await labOf({ hosts: 2, store });
        const [a, b] = hostsOf(lab);
        await initConfig(lab, { Network: '10.5.0.0/16', Backend: { Type: backend } });
        const takeUp = async (host: Host) =>
          JSON.parse((await host.tartan(['join', '--dataplane', dataplane])).stdout) as JoinReport;
        const former = await takeUp(a);
        await takeUp(b);
        await using watching = await startWatch(a, ['--dataplane', dataplane]);
        const { stderr } = await b.tartan(['lease', 'reserve', BEYOND, a.address]);
        assert.match(stderr, new RegExp(`${former.subnet} is its lease now`));
        // What its own watch is told of next, it has heard after the reservation.
        await lease(b, 'reserve', BESIDE, '192.168.77.99');
        if (backend !== 'vxlan') await watching.event('added');
        await watching.running.stop();
        const told = watching.events().filter(({ type }) => type === 'error');
        assert.deepEqual(told, []);
        const now = await takeUp(a);
        assert.deepEqual([now.subnet, now.formerSubnet], [BEYOND, former.subnet]);
        assert.equal((await takeUp(a)).changed, false);
        const report = await teardown(a);
        assert.equal(report.leaseRemoved, true);
        const stored = (await storedLeases(lab)).map(({ subnet }) => subnet);
        assert(!stored.includes(former.subnet), stored.join());
      });
    }

    it('refused, naming what is in the way, and nothing is changed', async () => {
      const lab = await labOf({ hosts: 2, store });
      const [a, b] = hostsOf(lab);
      await assertRefuses(a, ['lease', 'reserve', SUBNET, a.address], {
        exit: 1,
        code: 'CONFIG_MISSING',
        message: store === 'file' ? /no store at/ : /holds no network config/,
        hint: /init-config/,
      });
      await initConfig(lab);
      const { subnet } = await join(a);
      const before = await storedLeases(lab);
      const untouched = fingerprint(a);
      const wide = subnet.replace(/\d+\.0\/24$/, '0.0/17').replace(/^10\.5/, '10.5');
      const around = Number(subnet.split('.')[2]) < 128 ? wide : wide.replace('.0.0/', '.128.0/');
      const refusals = [
        [[subnet, b.address], 'LEASE_TAKEN', new RegExp(`${subnet} is the lease of ${a.address}`)],
        [[around, b.address], 'LEASE_TAKEN', new RegExp(`overlaps ${subnet}, the lease of`)],
        [['10.9.1.0/24', b.address], 'USAGE', /10\.9\.1\.0\/24 is not in the network 10\.5\.0\.0/],
        [['10.5.1.0/31', b.address], 'USAGE', /its length is 31/],
        [['10.5.1.7/24', b.address], 'USAGE', /10\.5\.1\.7\/24" is an address in 10\.5\.1\.0/],
        [['10.5.0.0/24'], 'LEASE_MISSING', /nobody has 10\.5\.0\.0\/24/],
      ] as const;
      for (const [words, code, message] of refusals) {
        const exit = code === 'USAGE' ? 2 : 1;
        const hint = /\S/;
        await assertRefuses(b, ['lease', 'reserve', ...words], { exit, code, message, hint });
      }
      await assertRefuses(b, ['lease', 'show', '10.5.0.0/24'], {
        exit: 1,
        code: 'LEASE_MISSING',
        message: /nobody has 10\.5\.0\.0\/24/,
        hint: /tartan lease list/,
      });
      assert.deepEqual(await storedLeases(lab), before);
      assert.deepEqual(fingerprint(a), untouched);
      assert.equal((await join(a)).changed, false);
    });

    it('the table is for people, and shows what is no lease', async () => {
      const lab = await labOf({ hosts: 1, store });
      const [a] = hostsOf(lab);
      await initConfig(lab);
      const { subnet } = await join(a);
      await lease(a, 'reserve', '10.5.0.0/26', '192.168.77.99');
      await lab.etcd?.ctl(['put', '/coreos.com/network/subnets/10.5.220.0-24'], { input: 'junk' });
      const { stdout, stderr } = await a.tartan(['lease', 'list']);
      assert.equal(stderr, '');
      const lines = stdout.split('\n');
      assert.match(lines[0] ?? '', /^SUBNET +PUBLIC IP +BACKEND +VTEP MAC +EXPIRES IN/);
      assert.match(lines[2] ?? '', /^10\.5\.0\.0\/26 +192\.168\.77\.99 +- +- +reservation$/);
      const own = new RegExp(
        `^${subnet} +${a.address} +vxlan +[0-9a-f:]{17} +23 h 59 min +this host`,
      );
      assert.match(lines[3] ?? '', own);
      if (store === 'etcd') assert.match(lines[4] ?? '', /^10\.5\.220\.0-24 .*no lease: .*junk/);
    });
  });
}
