/** What is on the wire, as tcpdump sees it: every checksum is valid, outside and inside, and so is each TOS octet. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostDevice, type Pod } from '../../../lab/pod.ts';
import { CommandError } from '../../../lab/process.ts';
import { ping } from '../../../lab/traffic.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { describeFrames, describePackets, faultsIn, recordDuring } from '../capture.ts';
import { createNetwork, type Network } from '../network.ts';
import { ipv4, udp } from '../packets.ts';
import { sendRaw } from '../raw.ts';
import { missing } from '../requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from '../senders.ts';

const skip = await missing('tcpdump');

const ETHERNET = 14;
/** In front of a, behind its wire. */
const PORT = 'port-a';
/** DSCP EF (RFC 3246). */
const EXPEDITED = 0xb8;

/** All that packets can be made of. */
const KINDS: Readonly<Record<string, (network: Network) => Promise<unknown>>> = {
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
  'datagrams without a checksum': async ({ a, b }) => {
    const payload = udp(5000, 5001, Buffer.from('none'));
    sendRaw(a.pod, [ipv4({ source: a.pod.address, destination: b.pod.address, payload })]);
    // What goes behind has been recorded: so has the datagram.
    await ping(a.pod, b.pod.address);
  },
  // To a port that nobody listens on: what comes back is the error.
  'an ICMP error': async ({ a, b }) => {
    const payload = udp(5000, 9, Buffer.from('to nobody'));
    sendRaw(b.pod, [ipv4({ source: b.pod.address, destination: a.pod.address, payload })]);
    await ping(b.pod, a.pod.address);
  },
  'what a host sends itself': async ({ a, b }) => {
    await ping(a.host, b.overlayAddress, { count: 5, size: 1000 });
    await sendTcp(a.host, b.host, { address: b.overlayAddress, port: 9000 }, 1);
  },
};

export function testOnTheWire(carrier: Carrier): void {
  const { tunnel, overhead } = carrier;
  const underlay = carrier.isFlatOnly ? 'flat' : 'routed';
  before(() => skip || buildTools());
  describe(`on the wire, ${carrier.name}, of hosts whose interfaces leave nothing undone`, {
    skip,
  }, () => {
    let network: Network;
    before(async () => {
      network = await createNetwork({ name: 'checksums', underlay, wire: true }, carrier);
      const { a, b } = network;
      // What is merged after it has arrived has another checksum: each packet is to be seen as it was on the wire.
      await switchNode().exec(['ethtool', '-K', PORT, 'gro', 'off']);
      for (const device of [b.host.device, carrier.device])
        if (device !== null) await b.host.exec(['ethtool', '-K', device, 'gro', 'off']);
      for (const { host, pod } of [a, b]) {
        await host.exec(['ethtool', '-K', host.device, 'rx', 'off', 'tx', 'off']);
        await host.exec(['ethtool', '-K', hostDevice(0), 'tx', 'off']);
        await pod.exec(['ethtool', '-K', 'eth0', 'tx', 'off']);
      }
    });
    after(() => network?.lab.destroy());

    const switchNode = () => network.lab.node(underlay === 'flat' ? 'fabric' : 'router');
    const outside = {
      device: PORT,
      filter: tunnel === null ? 'net 10.5.0.0/16' : `udp port ${tunnel.port}`,
    };
    const inner = (frame: Buffer) => frame.subarray(ETHERNET + overhead);

    for (const ecn of [0, 1, 2, 3]) {
      it(`DSCP stays inside, the mark ${ecn} is outside too (RFC 6040), and both arrive`, async () => {
        const { a, b } = network;
        const tos = EXPEDITED | ecn;
        const argv = ['ping', '-n', '-c', '3', '-i', '0.05', '-Q', `${tos}`, b.pod.address];
        let delivered: Buffer[] = [];
        const sent = await recordDuring(switchNode(), outside, async () => {
          const atPod = { device: 'eth0', filter: 'icmp' };
          delivered = await recordDuring(b.pod, atPod, () => a.pod.exec(argv));
        });
        const tosOf = (packet: Buffer) => packet[1];
        assert.deepEqual(sent.map(inner).map(tosOf), [tos, tos, tos]);
        const outer = tunnel === null ? tos : ecn;
        assert.deepEqual(
          sent.map((frame) => tosOf(frame.subarray(ETHERNET))),
          [outer, outer, outer],
        );
        assert.deepEqual(
          delivered.map((frame) => tosOf(frame.subarray(ETHERNET))),
          [tos, tos, tos],
        );
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

    for (const [kind, send] of Object.entries(KINDS)) {
      it(`${kind}: on the wire, and where they come out`, async (t) => {
        const { a, b } = network;
        if (kind === 'UDP-GSO' && !(await canLeaveCutting(a.pod))) {
          t.skip('this kernel cuts no UDP for an interface that leaves checksums to the CPU');
          return;
        }
        let delivered: Buffer[] = [];
        const sent = await recordDuring(switchNode(), outside, async () => {
          delivered = await recordDuring(b.pod, { device: 'eth0', filter: 'ip' }, async () => {
            await send(network);
            // What is behind the last packet of interest: tcpdump has seen that one.
            await ping(a.pod, b.pod.address, { count: 3 });
          });
        });
        assert(sent.length >= 3 && delivered.length >= 3);
        const outer = await describeFrames(sent);
        if (tunnel)
          assert.match(outer, new RegExp(`\\.${tunnel.port}: \\[(no cksum|udp sum ok)\\]`));
        for (const told of [
          outer,
          await describePackets(sent.map(inner)),
          await describeFrames(delivered),
        ])
          assert.deepEqual(faultsIn(told), []);
      });
    }
  });
}
