import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { parseSubnetEnv } from '../../src/lease/subnet_env.ts';
import { fingerprint } from './fingerprint.ts';
import {
  assertRefuses,
  CONFIG,
  hostsOf,
  initConfig,
  join,
  joinElsewhere,
  labPerTest,
  lacks,
  peersInKernel,
  readSubnetEnv,
  storedLeases,
  teardown,
} from './support.ts';

const STORES = ['file', 'etcd'] as const;
const NO_ETCD = lacks('etcd', 'etcdctl');
/** The network's first subnet is not handed out. */
const UNFIT_SUBNETS = ['10.5.0.1/24', '10.5.77.1/25', '10.9.1.1/24', 'rubbish', ''];

/** As after a reboot: what lay in /run is gone, and so is the device; the pins went with the memory. */
async function forgetEverything(host: Host): Promise<void> {
  await host.exec(['ip', 'link', 'del', 'flannel.1'], { mayFail: true });
  rmSync(`${host.bpffs}/tartan`, { recursive: true, force: true });
  rmSync(host.stateDir, { recursive: true, force: true });
  rmSync(host.subnetFile, { force: true });
}

describe('leases', { concurrency: 2 }, () => {
  for (const store of STORES) {
    describe(`a lease on ${store}`, { concurrency: 1, skip: store === 'etcd' && NO_ETCD }, () => {
      const labOf = labPerTest(`lifelease${store}`);
      it('is taken over by the PublicIP when the host has forgotten all', async () => {
        const lab = await labOf({ hosts: 1, store });
        const [a] = hostsOf(lab);
        await initConfig(lab);
        const before = await join(a);
        await forgetEverything(a);
        const after = await join(a);
        assert.equal(after.subnet, before.subnet);
        assert.equal(after.changed, true);
        assert.equal((await storedLeases(lab)).length, 1);
      });

      it('of the subnet in subnet.env is taken again if it is free, and not if it is another’s or does not fit', async () => {
        const created = await labOf({ hosts: 2, store });
        const [a, b] = hostsOf(created);
        await initConfig(created);
        const mine = await join(a);
        const previous = readSubnetEnv(a);
        await teardown(a);
        mkdirSync(dirname(a.subnetFile), { recursive: true });
        writeFileSync(a.subnetFile, previous);
        assert.equal((await join(a)).subnet, mine.subnet);
        writeFileSync(b.subnetFile, previous);
        const other = await joinElsewhere(b);
        assert.notEqual(other.subnet, mine.subnet);
        await teardown(b);
        for (const unfit of store === 'file' ? UNFIT_SUBNETS : []) {
          writeFileSync(b.subnetFile, `FLANNEL_SUBNET=${unfit}\n`);
          const { subnet } = await (parseSubnetEnv(`FLANNEL_SUBNET=${unfit}`).subnet
            ? joinElsewhere(b)
            : join(b));
          assert.match(subnet, /^10\.5\.(?!0\.)\d+\.0\/24$/);
          await teardown(b);
        }
      });

      it('many hosts at once get a subnet each, and see each other the next time', async () => {
        const created = await labOf({ hosts: 12, store });
        // Few subnets, so that they run into each other.
        await initConfig(created, { ...CONFIG, SubnetMin: '10.5.1.0', SubnetMax: '10.5.12.0' });
        const reports = await Promise.all(created.hosts.map((host) => join(host)));
        assert.equal(new Set(reports.map(({ subnet }) => subnet)).size, 12);
        const leases = await storedLeases(created);
        assert.deepEqual(
          Object.fromEntries(leases.map(({ subnet, publicIp }) => [subnet, publicIp])),
          Object.fromEntries(reports.map(({ subnet, publicIp }) => [subnet, publicIp])),
        );
        const [a] = hostsOf(created);
        await join(a);
        assert.equal(Object.keys(peersInKernel(a)).length, 11);
        if (created.etcd) {
          const { stdout } = await created.etcd.ctl(['lease', 'list']);
          assert.match(stdout, /^found 12 leases/, 'those of lost races are given back');
        }
      });

      it('there is none when all are taken: 75, the number in use, and nothing changed', async () => {
        const created = await labOf({ hosts: 3, store });
        const [a, b, c] = created.hosts;
        assert(a && b && c);
        await initConfig(created, { ...CONFIG, SubnetMin: '10.5.1.0', SubnetMax: '10.5.2.0' });
        await Promise.all([join(a), join(b)]);
        const before = fingerprint(c);
        await assertRefuses(c, ['join'], {
          exit: 75,
          code: 'OUT_OF_SUBNETS',
          message: /out of subnets.*of the 2 from 10\.5\.1\.0 to 10\.5\.2\.0.*2 in use/,
          hint: /expire.*tear down/,
        });
        assert.deepEqual(fingerprint(c), before);
        const { subnet } = await teardown(a);
        assert.equal((await join(c)).subnet, subnet);
      });
    });
  }
});
