/** Packets of every size and shape arrive, or their sender is told why not. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bulkMegabytes, PATIENCE } from '../../../lab/patience.ts';
import { hostDevice } from '../../../lab/pod.ts';
import { ping } from '../../../lab/traffic.ts';
import { isFast } from '../../carriers/contract.ts';
import { beside, exchange, merge, tally, times } from '../../carriers/tally.ts';
import { countDuring, startMeter, waitForCounts } from '../meter.ts';
import type { Member, Network } from '../network.ts';
import type { Row } from '../rows.ts';
import { sendDatagrams, sendTcp } from '../senders.ts';

const IP_AND_ICMP = 28;
const IP_AND_UDP = 28;

/** A wire's veth has a ring for 256, which a machine that is slow may not have emptied in time. */
const GSO_DATAGRAMS = PATIENCE === 1 ? 2000 : 200;

export function sizes(network: () => Network, row: Row): void {
  const { carrier } = row;
  const { programs } = carrier;
  const underlayMtu = row.options.mtu ?? 1500;
  const pathMtu = row.options.pathMtu ?? underlayMtu;
  const isWire = row.options.wire === true;
  const isFragmented = pathMtu < underlayMtu;

  it('the overlay has the MTU of the underlay less its overhead, and the largest packet passes', async () => {
    const { a, b } = network();
    assert.equal(a.mtu, underlayMtu - carrier.overhead);
    const size = a.mtu - IP_AND_ICMP;
    const counted = await countDuring(network(), async () => {
      assert.equal(await ping(a.pod, b.pod.address, { size, dontFragment: true, count: 3 }), 3);
    });
    const other = times(3, programs?.slow.received);
    const slowly = isFragmented ? { a: { other }, b: { other } } : {};
    assert.deepEqual(counted, tally(carrier, merge(exchange('a', 'b', 3), slowly)));
  });

  it('a larger one with DF is answered with the MTU, and goes nowhere', async () => {
    const { a, b } = network();
    await using _ = await widenPod(a, underlayMtu + 1000);
    // Without a tunnel there is room for what the overlay's device would not take.
    const most = carrier.tunnel === null ? underlayMtu : a.mtu;
    const counted = await countDuring(network(), async () => {
      const said = await pingOnce(a, b, most + 1 - IP_AND_ICMP);
      assert.match(
        said,
        new RegExp(`From ${a.gateway} .*Frag needed and DF set \\(mtu = ${most}\\)`),
      );
    });
    // With FastPath, too, it is the host that answers.
    const left = isFast(carrier) ? { a: { other: { host_size: 1 } } } : {};
    assert.deepEqual(counted, tally(carrier, left));
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
    const reasons = isFragmented ? Object.keys(programs?.slow.received ?? {}).sort() : [];
    const names = [atA, atB].map((other) => Object.keys(other).sort());
    assert.deepEqual(names, [reasons, reasons]);
  });

  it(`${GSO_DATAGRAMS} of as many datagrams of UDP-GSO arrive, intact`, async () => {
    const { a, b } = network();
    const bytes = a.mtu - IP_AND_UDP;
    const segments = Math.floor(60_000 / bytes);
    const meter = startMeter(network());
    const sent = { count: GSO_DATAGRAMS, bytes, segments };
    assert.deepEqual(await sendDatagrams(a.pod, b.pod, sent), all(GSO_DATAGRAMS));
    const { sender = {}, receiver = {} } =
      programs?.gso(Math.ceil(GSO_DATAGRAMS / segments), GSO_DATAGRAMS) ?? {};
    // Beyond a wire, or in fragments, the packets arrive one by one.
    const arrived = isFragmented
      ? times(GSO_DATAGRAMS, programs?.slow.received)
      : isWire
        ? {}
        : receiver;
    const expected = {
      a: { sent: { b: GSO_DATAGRAMS }, ...beside(sender) },
      b: { received: { a: GSO_DATAGRAMS }, ...beside(arrived) },
    };
    await waitForCounts(meter, tally(carrier, expected));
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
