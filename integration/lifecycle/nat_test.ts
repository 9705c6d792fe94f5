import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab } from '../../lab/lab.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import {
  hostsOf,
  initConfig,
  join,
  lacks,
  parseReport,
  storedLeases,
  teardown,
} from './support.ts';

describe('--public-ip behind NAT', { skip: lacks('nft') }, () => {
  it('the lease publishes it, packets match on the interface’s address, and traffic flows', async () => {
    // a — router — b on subnets of their own; the router shows a as 198.51.100.7 to b, and b as 198.51.100.8 to a.
    await using lab = await createLab({ name: 'lifenat', hosts: 2, underlay: 'routed', pods: 0 });
    const [a, b] = hostsOf(lab);
    await lab.node('router').exec(['nft', '-f', '-'], {
      input: `table ip nat {
        map outside { type ipv4_addr : ipv4_addr; elements = { 198.51.100.7 : ${a.address}, 198.51.100.8 : ${b.address} } }
        map inside { type ipv4_addr : ipv4_addr; elements = { ${a.address} : 198.51.100.7, ${b.address} : 198.51.100.8 } }
        chain pre { type nat hook prerouting priority -100; dnat to ip daddr map @outside; }
        chain post { type nat hook postrouting priority 100; snat to ip saddr map @inside; }
      }`,
    });
    await waitForPing(a, '198.51.100.8');
    await initConfig(lab);
    const mine = await join(a, '--public-ip', '198.51.100.7');
    const other = await join(b, '--public-ip', '198.51.100.8');
    assert.equal((await join(a, '--public-ip', '198.51.100.7')).peers, 1);
    const leases = (await storedLeases(lab)).map(({ publicIp }) => publicIp).sort();
    assert.deepEqual(leases, ['198.51.100.7', '198.51.100.8']);
    const gateway = ({ subnet }: JoinReport) => subnet.replace('0/24', '0');
    assert.equal(await ping(a, gateway(other), { count: 5 }), 5);
    assert.equal(await ping(b, gateway(mine), { count: 5 }), 5);
    assert.equal(await ping(b, gateway(mine), { count: 2, size: 4000 }), 2);
    assert.equal(
      parseReport<{ publicIp: string }>(await a.tartan(['renew'])).publicIp,
      '198.51.100.7',
    );
    assert.equal((await teardown(a)).leaseRemoved, true);
  });
});
