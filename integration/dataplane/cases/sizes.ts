/** Packets of every size and shape arrive, or their sender is told why not. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bulkMegabytes } from '../../../lab/patience.ts';
import { hostDevice } from '../../../lab/pod.ts';
import { ping } from '../../../lab/traffic.ts';
import { type CountedByHost, countDuring, startMeter, waitForCounts } from '../meter.ts';
import { type Member, type Network, OVERHEAD } from '../network.ts';
import type { Row } from '../rows.ts';
import { sendDatagrams, sendTcp } from '../senders.ts';
import { exchange } from './carriage.ts';

const IP_AND_ICMP = 28;
const IP_AND_UDP = 28;

export function sizes(network: () => Network, row: Row): void {
  const underlayMtu = row.options.mtu ?? 1500;
  const pathMtu = row.options.pathMtu ?? underlayMtu;
  const isWire = row.options.wire === true;
  const isFragmented = pathMtu < underlayMtu;

  it('the overlay has the MTU of the underlay less its overhead, and the largest packet passes', async () => {
    const { a, b } = network();
    assert.equal(a.mtu, underlayMtu - OVERHEAD);
    const size = a.mtu - IP_AND_ICMP;
    const counted = await countDuring(network(), async () => {
      assert.equal(await ping(a.pod, b.pod.address, { size, dontFragment: true, count: 3 }), 3);
    });
    const slowly = isFragmented ? reassembled(['a', 'b'], 3) : {};
    assert.deepEqual(counted, merge(exchange('a', 'b', 3), slowly));
  });

  it('a larger one with DF is answered with the MTU, and goes nowhere', async () => {
    const { a, b } = network();
    await using _ = await widenPod(a, underlayMtu + 1000);
    const counted = await countDuring(network(), async () => {
      const said = await pingOnce(a, b, a.mtu + 1 - IP_AND_ICMP);
      assert.match(
        said,
        new RegExp(`From ${a.gateway} .*Frag needed and DF set \\(mtu = ${a.mtu}\\)`),
      );
    });
    // With FastPath, too, it is the host that answers.
    assert.deepEqual(counted, row.isFast ? { a: { other: { host_size: 1 } } } : {});
  });

  it('a datagram of 20 kB arrives, whole', async () => {
    const { a, c } = network();
    assert.deepEqual(await sendDatagrams(a.pod, c.pod, { count: 50, bytes: 20_000 }), all(50));
    assert.deepEqual(
      await sendDatagrams(
        c.host,
        { ...a.pod, address: a.pod.address },
        { count: 50, bytes: 20_000 },
      ),
      all(50),
    );
  });

  it('TCP arrives whole, both ways at once', async () => {
    const { a, b } = network();
    const megabytes = isFragmented ? 50 : 200;
    const meter = startMeter(network());
    await Promise.all([transfer(a, b, megabytes), transfer(b, a, megabytes)]);
    const { other: atA = {} } = meter.read().a ?? {};
    const { other: atB = {} } = meter.read().b ?? {};
    if (isFragmented) {
      assert.deepEqual(
        [Object.keys(atA), Object.keys(atB)],
        [['slow_received'], ['slow_received']],
      );
    } else {
      assert.deepEqual([atA, atB], [{}, {}]);
    }
  });

  it('2,000 of 2,000 datagrams of UDP-GSO arrive, intact', async () => {
    const { a, b } = network();
    const bytes = a.mtu - IP_AND_UDP;
    const segments = Math.floor(60_000 / bytes);
    const meter = startMeter(network());
    const sent = { count: 2000, bytes, segments };
    assert.deepEqual(await sendDatagrams(a.pod, b.pod, sent), all(2000));
    // A veth hands the packets over unsegmented, and only the kernel's device can take those apart.
    const whole = {
      slow_receive_gso: Math.ceil(2000 / segments),
      slow_received: Math.ceil(2000 / segments),
    };
    const other = isFragmented ? { slow_received: 2000 } : isWire ? null : whole;
    await waitForCounts(meter, {
      a: { sent: { b: 2000 } },
      b: { received: { a: 2000 }, ...(other && { other }) },
    });
  });
}

function all(count: number) {
  return { received: count, intact: count };
}

async function transfer(from: Member, to: Member, megabytes: number): Promise<void> {
  const { sent, received } = await sendTcp(
    from.pod,
    to.pod,
    { address: to.pod.address, port: 9000 },
    megabytes,
  );
  assert.equal(sent.bytes, bulkMegabytes(megabytes) * 1e6);
  assert.deepEqual(received, sent);
}

/** What ping says of one packet with DF. */
async function pingOnce(from: Member, to: Member, size: number): Promise<string> {
  const argv = ['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', `${size}`, to.pod.address];
  const { stdout, stderr } = await from.pod.exec(argv, { mayFail: true });
  return stdout + stderr;
}

/** Lets a pod send more than the overlay carries, as one whose CNI plugin does not know the MTU. */
async function widenPod(member: Member, mtu: number): Promise<AsyncDisposable> {
  const set = async (wanted: number) => {
    await member.host.exec(['ip', 'link', 'set', hostDevice(0), 'mtu', `${wanted}`]);
    await member.pod.exec(['ip', 'link', 'set', 'eth0', 'mtu', `${wanted}`]);
  };
  await set(mtu);
  return {
    async [Symbol.asyncDispose]() {
      await set(member.mtu);
      // What the pod has learnt by ICMP.
      await member.pod.exec(['ip', 'route', 'flush', 'cache']);
    },
  };
}

/** The outer packets came in fragments, so the kernel's device took them apart. */
function reassembled(hosts: readonly string[], packets: number): CountedByHost {
  return Object.fromEntries(hosts.map((host) => [host, { other: { slow_received: packets } }]));
}

function merge(one: CountedByHost, other: CountedByHost): CountedByHost {
  const hosts = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...hosts].map((host) => [host, { ...one[host], ...other[host] }]));
}
