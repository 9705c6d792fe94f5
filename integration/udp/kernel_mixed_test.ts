/** A host of udp in kernel mode among hosts of every other kind: programs, relays in user space, tartan's and flannel's. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gatewayOf } from '../../lab/baseline.ts';
import { addFlannelUdp, putFlannelUdpLease } from '../../lab/flannel_udp.ts';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { attachPods, type Pod } from '../../lab/pod.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { readCounters } from '../../src/bpf/counters.ts';
import { openMapsOf } from '../dataplane/meter.ts';
import { makeEndpoints } from '../dataplane/network.ts';
import { missing } from '../dataplane/requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from '../dataplane/senders.ts';
import { hasTun, missingFou } from '../kernel/requirements.ts';
import { joined } from './host.ts';
import { OVERHEAD, RELAY_SUBNET } from './network.ts';

const skip =
  (await missing('etcd', 'etcdctl', 'cc')) || missingFou() || (!hasTun() && 'needs /dev/net/tun');

before(() => skip || buildTools());

interface Party {
  readonly kind: string;
  readonly pod: Pod;
  /** The host's own in the overlay. */
  readonly address: string;
}

interface Parties {
  readonly lab: Lab;
  /** The one in kernel mode. */
  readonly fou: Party;
  readonly programs: Party & { readonly host: Host };
  readonly others: readonly Party[];
}

const MODES = ['kernel', 'bpf', 'user'] as const;

async function createParties(fastPath: boolean): Promise<Parties> {
  const lab = await createLab({ name: 'udpkernel', hosts: 4, store: 'etcd', kernelHosts: ['a'] });
  try {
    const [first, second, , last] = lab.hosts;
    const members = lab.hosts.slice(0, 3);
    assert(first && second && last && lab.etcd);
    const config = { Network: '10.5.0.0/16', Backend: { Type: 'udp', FastPath: fastPath } };
    await first.tartan(['init-config', '-'], { input: JSON.stringify(config) });
    await putFlannelUdpLease(lab.etcd, { subnet: RELAY_SUBNET, publicIp: last.address });
    for (let times = 0; times < 2; times++) {
      for (const [index, mode] of MODES.entries())
        await lab.hosts[index]?.tartan(['join', '--dataplane', mode]);
    }
    await startRelay(lab.host('c'));
    const mtu = lab.options.mtu - OVERHEAD;
    const parties = await Promise.all(
      members.map(async (host, index) => {
        await attachPods(host);
        const { subnet } = await joined(host, MODES[index]);
        const [pod] = host.pods;
        assert(pod);
        const kind = MODES[index] ?? '';
        return { kind, host, pod, subnet, address: subnet.replace('/24', '') };
      }),
    );
    if (fastPath) await makeEndpoints(second);
    const peers = parties.map(({ subnet, host }) => ({ subnet, publicIp: host.address }));
    await addFlannelUdp(last, { subnet: RELAY_SUBNET, mtu, peers });
    await attachPods(last, { gateway: gatewayOf(RELAY_SUBNET), mtu });
    const [fou, programs, user] = parties;
    const [pod] = last.pods;
    assert(fou && programs && user && pod);
    const flannel = { kind: 'flannel', pod, address: RELAY_SUBNET.replace('/24', '') };
    const others = [programs, user, flannel];
    for (const other of others) {
      await waitForPing(fou.pod, other.pod.address);
      await waitForPing(other.pod, fou.pod.address);
    }
    return { lab, fou, programs, others };
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

async function startRelay(host: Host): Promise<void> {
  const relay = host.startTartan(['relay', '--bind', host.address]);
  await waitFor('the relay is ready', () => relay.stdout().includes('"ready"'));
}

for (const fastPath of [false, true]) {
  describe(`udp in kernel mode, beside ${fastPath ? 'FastPath' : 'default mode'} and relays`, {
    skip,
  }, () => {
    let parties: Parties;
    before(async () => {
      parties = await createParties(fastPath);
    });
    after(() => parties?.lab.destroy());

    const ways = () =>
      parties.others.flatMap((other) => [
        { from: parties.fou, to: other },
        { from: other, to: parties.fou },
      ]);

    it('pings up to the MTU, and not beyond it', async () => {
      const size = 1500 - OVERHEAD - 28;
      for (const { from, to } of ways()) {
        const what = `${from.kind} to ${to.kind}`;
        const found = await ping(from.pod, to.pod.address, { size, count: 3, dontFragment: true });
        assert.equal(found, 3, what);
        const beyond = { size: size + 1, dontFragment: true };
        assert.equal(await ping(from.pod, to.pod.address, beyond), 0, what);
      }
    });

    it('host addresses of the overlay', async () => {
      for (const { from, to } of ways()) assert.equal(await ping(from.pod, to.address), 1, to.kind);
    });

    it('20 MB of TCP', async () => {
      for (const { from, to } of ways()) {
        const address = { address: to.pod.address, port: 9000 };
        const { sent, received } = await sendTcp(from.pod, to.pod, address, 20);
        assert.deepEqual(received, sent, `${from.kind} to ${to.kind}`);
      }
    });

    it('datagrams of 20 kB, and ones that UDP-GSO cuts', async () => {
      for (const { from, to } of ways()) {
        for (const sent of [
          { count: 2, bytes: 20_000 },
          { count: 40, bytes: 1200, segments: 20 },
        ]) {
          const found = await sendDatagrams(from.pod, to.pod, sent);
          const all = { received: sent.count, intact: sent.count };
          assert.deepEqual(found, all, `${from.kind} to ${to.kind}`);
        }
      }
    });

    it('the programs have dropped nothing', () => {
      using maps = openMapsOf(parties.programs.host);
      const drops = Object.entries(readCounters(maps)).filter(
        ([name, count]) => name.startsWith('drop_') && count > 0,
      );
      assert.deepEqual(drops, []);
    });
  });
}
