/** What headers may carry: congestion marks and options, inside and outside. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Forgery, WAYS } from '../forge.ts';
import { countDuring, startMeter, waitForCounts } from '../meter.ts';
import type { Network } from '../network.ts';
import { ECN, echoReply, ICMP, ipv4 } from '../packets.ts';
import type { Row } from '../rows.ts';
import { sendRaw } from '../senders.ts';
import { readSnmp } from '../snmp.ts';
import { exchange } from './carriage.ts';

const SLOWLY = { slow_receive_congestion: 1, slow_received: 1 };

export function marks(network: () => Network, { isFast }: Row): void {
  it('congestion that the underlay marked reaches the pod (RFC 6040), by the kernel’s device', async () => {
    const before = await readSnmp(network().b.pod);
    await sendMarked(network(), ECN.capable, { b: { received: { c: 1 }, other: SLOWLY } });
    const after = await readSnmp(network().b.pod);
    assert.equal(after('IpExt.InCEPkts') - before('IpExt.InCEPkts'), 1);
  });

  it('a packet that cannot carry the mark is dropped instead (RFC 6040)', async () => {
    const before = await readSnmp(network().b.pod);
    await sendMarked(network(), ECN.notCapable, { b: { other: { drop_congestion: 1 } } });
    const after = await readSnmp(network().b.pod);
    assert.equal(after('Ip.InReceives'), before('Ip.InReceives'));
  });

  it("a pod's own marks arrive, on the fast way", async () => {
    const { a, c } = network();
    for (const [tos, counter] of [
      [ECN.capable, 'IpExt.InECT0Pkts'],
      [ECN.congested, 'IpExt.InCEPkts'],
    ] as const) {
      const before = await readSnmp(c.pod);
      const meter = startMeter(network());
      const fields = { source: a.pod.address, destination: c.pod.address, protocol: ICMP, tos };
      await sendRaw(a.pod, [ipv4({ ...fields, payload: echoReply(Buffer.from('marked')) })]);
      // Copied to the outer header, congestion is in the inner one already.
      await waitForCounts(meter, { a: { sent: { c: 1 } }, c: { received: { a: 1 } } });
      assert.equal((await readSnmp(c.pod))(counter) - before(counter), 1, counter);
    }
  });

  it('IP options of the pods arrive, on the fast way of default mode', async () => {
    const { a, b } = network();
    const counted = await countDuring(network(), async () => {
      const { stdout } = await a.pod.exec([
        'ping',
        '-n',
        '-R',
        '-c',
        '3',
        '-i',
        '0.1',
        b.pod.address,
      ]);
      assert.match(stdout, /3 received/);
      assert.match(stdout, new RegExp(`RR:\\s+${a.pod.address}\\s`));
    });
    if (isFast) assert.deepEqual(counted.a?.other, { host_options: 6 });
    else assert.deepEqual(counted, exchange('a', 'b', 3));
  });
}

async function sendMarked(
  network: Network,
  innerEcn: Forgery['innerEcn'] & number,
  expected: Parameters<typeof waitForCounts>[1],
): Promise<void> {
  const { b, c } = network;
  const [whole] = WAYS;
  assert(whole);
  const meter = startMeter(network);
  const forgery = { from: c.host.address, to: b, source: c.pod.address };
  await sendRaw(c.host, whole.build({ ...forgery, innerEcn, outerEcn: ECN.congested }));
  await waitForCounts(meter, expected);
}
