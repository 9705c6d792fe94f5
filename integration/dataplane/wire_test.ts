/** What is on the wire, as tcpdump sees it: every checksum is valid, outside and inside, and so is each TOS octet. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostDevice, type Pod } from '../../lab/pod.ts';
import { CommandError } from '../../lab/process.ts';
import { ping } from '../../lab/traffic.ts';
import { VXLAN } from '../carriers/vxlan.ts';
import { captureDuring, faultsIn } from './capture.ts';
import { createNetwork, type Network } from './network.ts';
import { ipv4, udp } from './packets.ts';
import { missing } from './requirements.ts';
import { buildTools, sendDatagrams, sendRaw, sendTcp } from './senders.ts';

const skip = await missing('tcpdump');

before(() => skip || buildTools());

/** The port by which tcpdump knows VXLAN, and looks into it. */
const CARRIER = {
  ...VXLAN,
  config: { ...VXLAN.config, Backend: { Type: 'vxlan', Port: 4789 } },
};

describe('on the wire, of hosts whose interfaces leave nothing undone', { skip }, () => {
  let network: Network;
  before(async () => {
    const lab = { name: 'checksums', underlay: 'routed', wire: true } as const;
    network = await createNetwork(lab, CARRIER);
    const { a, b } = network;
    // What is merged after it has arrived has another checksum: each packet is to be seen as it was on the wire.
    await router().exec(['ethtool', '-K', PORT, 'gro', 'off']);
    await b.host.exec(['ethtool', '-K', b.host.device, 'gro', 'off']);
    for (const { host, pod } of [a, b]) {
      await host.exec(['ethtool', '-K', host.device, 'rx', 'off', 'tx', 'off']);
      await host.exec(['ethtool', '-K', hostDevice(0), 'tx', 'off']);
      await pod.exec(['ethtool', '-K', 'eth0', 'tx', 'off']);
    }
  });
  after(() => network?.lab.destroy());

  /** In front of a, behind its wire. */
  const PORT = 'port-a';
  const router = () => network.lab.node('router');

  const kinds: Readonly<Record<string, (network: Network) => Promise<unknown>>> = {
    'small and large pings': async ({ a, b }) => {
      await ping(a.pod, b.pod.address, { count: 5 });
      await ping(a.pod, b.pod.address, { count: 5, size: a.mtu - 28 });
      await ping(a.pod, b.pod.address, { count: 5, size: 20_000, dontFragment: false });
    },
    TCP: ({ a, b }) => sendTcp(a.pod, b.pod, { address: b.pod.address, port: 9000 }, 2),
    'small, large and fragmented datagrams': async ({ a, b }) => {
      for (const bytes of [4, 101, a.mtu - 28, 20_000])
        await sendDatagrams(a.pod, b.pod, { count: 20, bytes });
    },
    'UDP-GSO': ({ a, b }) =>
      sendDatagrams(a.pod, b.pod, { count: 400, bytes: a.mtu - 28, segments: 40 }),
    'datagrams without a checksum': ({ a, b }) =>
      sendRaw(a.pod, [
        ipv4({
          source: a.pod.address,
          destination: b.pod.address,
          payload: udp(5000, 5001, Buffer.from('none')),
        }),
      ]),
    // To a port that nobody listens on: what comes back is the error.
    'an ICMP error': ({ a, b }) =>
      sendRaw(b.pod, [
        ipv4({
          source: b.pod.address,
          destination: a.pod.address,
          payload: udp(5000, 9, Buffer.from('to nobody')),
        }),
      ]),
    'what a host sends itself': async ({ a, b }) => {
      await ping(a.host, b.overlayAddress, { count: 5, size: 1000 });
      await sendTcp(a.host, b.host, { address: b.overlayAddress, port: 9000 }, 1);
    },
  };

  /** DSCP EF, with each of the marks (RFC 3168). */
  for (const ecn of [0, 1, 2, 3]) {
    it(`DSCP stays inside, the mark ${ecn} is outside too (RFC 6040), and both arrive`, async () => {
      const { a, b } = network;
      const tos = 0xb8 | ecn;
      const argv = ['ping', '-n', '-c', '3', '-i', '0.05', '-Q', `${tos}`, b.pod.address];
      const outside = { device: PORT, filter: 'udp port 4789' };
      const sent = await captureDuring(router(), outside, () => a.pod.exec(argv));
      const seen = [...sent.matchAll(/\(tos (0x[0-9a-f]+),/g)].map(([, found]) => Number(found));
      assert(seen.length >= 4, sent);
      assert.deepEqual(seen, Array.from({ length: seen.length / 2 }, () => [ecn, tos]).flat());
      const delivered = await captureDuring(b.host, { device: 'flannel.1', filter: 'icmp' }, () =>
        a.pod.exec(argv),
      );
      const arrived = [...delivered.matchAll(/\(tos (0x[0-9a-f]+),/g)];
      assert(arrived.length >= 2 && arrived.every(([, found]) => Number(found) === tos), delivered);
    });
  }

  /** A kernel older than 6.11 refuses UDP-GSO (EIO) towards an interface whose checksums it has to compute. */
  async function canLeaveCutting(pod: Pod): Promise<boolean> {
    try {
      await sendDatagrams(pod, network.b.pod, { count: 2, bytes: 500, segments: 2 });
      return true;
    } catch (error) {
      if (error instanceof CommandError && error.message.includes('Input/output error'))
        return false;
      throw error;
    }
  }

  for (const [kind, send] of Object.entries(kinds)) {
    it(`${kind}: on the wire, and where they come out`, async (t) => {
      const { a, b } = network;
      if (kind === 'UDP-GSO' && !(await canLeaveCutting(a.pod))) {
        t.skip('this kernel cuts no UDP for an interface that leaves checksums to the CPU');
        return;
      }
      const outside = { device: PORT, filter: 'udp port 4789 or ip[6:2] & 0x1fff != 0' };
      let delivered = '';
      const sent = await captureDuring(router(), outside, async () => {
        const inside = { device: 'flannel.1', filter: 'ip' };
        delivered = await captureDuring(b.host, inside, async () => {
          await send(network);
          // What is behind the last packet of interest: tcpdump has seen that one.
          await ping(network.a.pod, b.pod.address, { count: 3 });
        });
      });
      assert.match(
        sent,
        /\.4789: \[(no|udp sum ok)[^\]]*\] VXLAN, flags \[I\] \(0x08\), vni 1\n.*IP \(tos/,
      );
      assert.match(delivered, /^IP \(tos|^\S+ IP \(tos/m);
      assert.deepEqual(faultsIn(sent), []);
      assert.deepEqual(faultsIn(delivered), []);
    });
  }
});
