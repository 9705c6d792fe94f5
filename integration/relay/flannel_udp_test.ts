/** The relay in C that plays flannel's end. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { flannelKey } from '../../lab/baseline.ts';
import { FLANNEL_UDP_DEVICE, flannelUdp, putFlannelUdpLease } from '../../lab/flannel_udp.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { Pod } from '../../lab/pod.ts';
import { ping } from '../../lab/traffic.ts';
import { buildTools, sendDatagrams, sendTcp } from '../dataplane/senders.ts';
import { missing } from './requirements.ts';

const skip = missing('etcd', 'etcdctl');

before(() => skip || buildTools());

for (const wire of [false, true]) {
  describe(`flannel's udp by a relay in C${wire ? ', wire' : ''}`, { skip }, () => {
    let lab: Lab;
    let a: Pod;
    let b: Pod;
    before(async () => {
      lab = await createLab({ name: 'flanneludp', underlay: 'pair', wire });
      await flannelUdp(lab);
      [a, b] = lab.hosts.flatMap(({ pods }) => pods) as [Pod, Pod];
    });
    after(() => lab?.destroy());

    it('pings both ways, up to the MTU', async () => {
      const size = 1500 - 28 - 28;
      for (const [from, to] of both(a, b)) {
        for (let count = 0; count < 5; count++) assert.equal(await ping(from, to.address), 1);
        assert.equal(await ping(from, to.address, { size, dontFragment: true }), 1);
        assert.equal(await ping(from, to.address, { size: size + 1, dontFragment: true }), 0);
      }
    });

    it('20 MB of TCP both ways', async () => {
      for (const [from, to] of both(a, b)) {
        const { sent, received } = await sendTcp(from, to, { address: to.address, port: 9000 }, 20);
        assert.deepEqual(received, sent);
      }
    });

    it('datagrams of 20 kB, in fragments', async () => {
      const all = { received: 5, intact: 5 };
      assert.deepEqual(await sendDatagrams(a, b, { count: 5, bytes: 20_000 }), all);
    });

    it('takes one from the TTL on either side, beside the one that each host takes', async () => {
      const { stdout } = await a.exec(['ping', '-n', '-c1', '-W1', b.address]);
      assert.match(stdout, / ttl=60 /);
    });

    it('answers for a subnet that nobody holds', async () => {
      const { stdout } = await a.exec(['ping', '-n', '-c1', '-W1', '10.5.99.9'], {
        mayFail: true,
      });
      assert.match(stdout, /From 10\.5\.99\.9 .*Destination Net Unreachable/);
    });
  });
}

describe('a udp lease', { skip }, () => {
  it('has flannel’s bytes', async () => {
    await using lab = await createLab({ name: 'flannelkey', underlay: 'pair', store: 'etcd' });
    assert(lab.etcd);
    await putFlannelUdpLease(lab.etcd, { subnet: '10.5.2.0/24', publicIp: '1.2.3.4' });
    const { stdout } = await lab.etcd.ctl(['get', flannelKey('10.5.2.0/24'), '--print-value-only']);
    assert.equal(stdout, '{"PublicIP":"1.2.3.4","PublicIPv6":null}\n');
  });
});

describe('a relay that is stopped', { skip }, () => {
  it('takes its TUN away', async () => {
    await using lab = await createLab({ name: 'flannelstop', underlay: 'pair' });
    const [relay] = await flannelUdp(lab);
    const { code } = (await relay?.stop()) ?? {};
    assert.equal(code, 0);
    const { stdout } = await lab.host('a').exec(['ip', '-br', 'link']);
    assert.doesNotMatch(stdout, new RegExp(FLANNEL_UDP_DEVICE));
  });
});

function both(a: Pod, b: Pod): [Pod, Pod][] {
  return [
    [a, b],
    [b, a],
  ];
}
