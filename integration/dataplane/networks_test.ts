/** Two networks with one UDP port and two VNIs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ping } from '../../lab/traffic.ts';
import { readCounters } from '../../src/bpf/counters.ts';
import { VXLAN } from '../carriers/vxlan.ts';
import { assertRefuses } from '../lifecycle/support.ts';
import { testTwoNetworks } from './cases/networks.ts';
import { openMapsOf } from './meter.ts';
import { join } from './network.ts';

const BLUE = { Network: '10.6.0.0/16', Backend: { Type: 'vxlan', VNI: 7 } };

testTwoNetworks(VXLAN, BLUE, 'flannel.7', ({ network, inBlue, joinBlue, blueAddress, refuse }) => {
  it('both carry packets, and what is for the other one is handed on', async () => {
    const { a, b } = network();
    const othersOf = (name: string) => {
      using maps = openMapsOf(b.host, name);
      return readCounters(maps).other_vni;
    };
    const [atDefault, atBlue] = [othersOf('default'), othersOf('blue')];
    assert.equal(await ping(a.pod, b.pod.address, { count: 10 }), 10);
    assert.equal(await ping(a.host, blueAddress(b.host), { count: 10 }), 10);
    // The second was the last to be joined, and so has its program behind the first's.
    assert.deepEqual([othersOf('default') - atDefault, othersOf('blue') - atBlue], [10, 0]);
  });

  describe('what they cannot have in common is refused by name', () => {
    it('the VNI', () =>
      refuse(
        { backend: { VNI: 7 } },
        {
          code: 'DEVICE_FOREIGN',
          message: /VNI 7 is taken: device flannel\.7 carries this host's network "blue"/,
          hint: /VNI of its own/,
        },
      ));

    it('the subnet file', () =>
      refuse(
        { backend: { VNI: 8 }, env: { FLANNELD_SUBNET_FILE: network().c.host.subnetFile } },
        {
          code: 'FILE',
          message: /subnet\.env is the subnet file of .* "default"/,
          hint: /--subnet-file/,
        },
      ));

    it('the addresses', () =>
      refuse(
        { network: '10.6.128.0/17', backend: { VNI: 8 } },
        {
          code: 'CONFIG_INVALID',
          message: /10\.6\.128\.0\/17 overlaps 10\.6\.0\.0\/16 of this host's network "blue"/,
          hint: /Network that no other/,
        },
      ));

    it('the port, where only one of them has GBP', () =>
      refuse(
        { backend: { VNI: 8, GBP: true } },
        {
          code: 'DEVICE_FOREIGN',
          message: /flannel\.8 cannot have UDP port 8472: flannel\.[17] has it/,
          hint: /same Backend\.GBP/,
        },
      ));

    it('the port, where one of them is udp, which cannot tell whose a packet is', () =>
      refuse(
        { backend: { Type: 'udp', Port: 8472 } },
        {
          code: 'CONFIG_INVALID',
          message:
            /UDP port 8472 is taken on eth0: this host's network "(default|blue)" \(vxlan\) has it/,
          hint: /Backend\.Port of its own/,
        },
      ));
  });

  it('a classic vxlan device, such as another flanneld’s, has the port: both are named', async () => {
    const { host } = network().c;
    await host.tartan(['teardown', '--keep-lease']);
    await inBlue(host, 'teardown', '--keep-lease');
    await host.shell(
      'ip link add overlay9 type vxlan id 9 dstport 8472 local 127.0.0.1; ip link set overlay9 up',
    );
    await assertRefuses(host, ['join'], {
      exit: 1,
      code: 'DEVICE_FOREIGN',
      message: /flannel\.1 cannot have UDP port 8472: overlay9 has it \(vxlan id 9 dstport 8472\)/,
      hint: /ip link delete overlay9.*Backend\.Port/,
    });
    await host.exec(['ip', 'link', 'set', 'overlay9', 'down']);
    await join(host);
    // Who comes second has lost: that is the kernel's rule.
    const { code, stderr } = await host.exec(['ip', 'link', 'set', 'overlay9', 'up'], {
      mayFail: true,
    });
    assert.match(`${code} ${stderr}`, /Address already in use/);
    await host.exec(['ip', 'link', 'delete', 'overlay9']);
    await joinBlue(host);
  });
});
