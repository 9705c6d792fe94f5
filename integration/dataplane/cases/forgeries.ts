/** Who may send what: on both ways of receiving, and at home. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Namespace } from '../../../lab/namespace.ts';
import { waitFor } from '../../../lab/ready.ts';
import type { CounterName } from '../../../src/bpf/counters.ts';
import { type Forgery, WAYS, type Way } from '../forge.ts';
import { type Counted, startMeter, waitForCounts } from '../meter.ts';
import { type Network, unheldAddress } from '../network.ts';
import { echoReply, ICMP, ipv4 } from '../packets.ts';
import type { Row } from '../rows.ts';
import { sendRaw } from '../senders.ts';
import { readSnmp } from '../snmp.ts';

interface Attack {
  readonly name: string;
  readonly reason: CounterName | null;
  /** The kernel's device has dropped it, before our check could. */
  readonly isSlowlyStopped?: boolean;
  forge(network: Network): { at: Namespace; forgery: Forgery };
}

const fromStranger = (name: string, source: (network: Network) => string): Attack => ({
  name: `from a stranger, ${name}`,
  reason: 'drop_unknown_peer',
  forge: (network) => ({
    at: network.stranger.namespace,
    forgery: { from: network.stranger.address, to: network.b, source: source(network) },
  }),
});

/** `c` is a peer of `b`'s. */
const fromPeer = (
  name: string,
  reason: CounterName | null,
  change: (network: Network) => Partial<Forgery>,
  isSlowlyStopped = false,
): Attack => ({
  name: `from a peer, ${name}`,
  reason,
  isSlowlyStopped,
  forge: (network) => {
    const { b, c } = network;
    const forgery = { from: c.host.address, to: b, source: c.pod.address, ...change(network) };
    return { at: c.host, forgery };
  },
});

const ATTACKS: readonly Attack[] = [
  fromStranger("with a peer's source", ({ a }) => a.pod.address),
  fromStranger('with a source that nobody holds', unheldAddress),
  fromStranger('with a source outside the network', () => '198.51.100.7'),
  fromPeer("with another peer's source", 'drop_spoofed_source', ({ a }) => ({
    source: a.pod.address,
  })),
  fromPeer("with the receiver's own source", 'drop_spoofed_source', ({ b }) => ({
    source: b.gateway,
  })),
  fromPeer('with a source that nobody holds', 'drop_spoofed_source', (network) => ({
    source: unheldAddress(network),
  })),
  fromPeer('to another MAC', 'drop_wrong_mac', ({ a }) => ({ destinationMac: a.vtepMac })),
  fromPeer('cut off within the inner header', 'drop_truncated', () => ({ innerBytes: 12 }), true),
  fromPeer('of IPv6', 'drop_not_ipv4', () => ({ etherType: 0x86dd })),
  // Another tunnel's: left to the host, whose device's filter lets no such VNI in.
  fromPeer('of another VNI', 'other_vni', () => ({ vni: 2 }), true),
];

export function forgeries(network: () => Network, { isFast = false }: Row): void {
  for (const way of WAYS) {
    it(`${way.name}: what a peer may send is delivered and counted`, async () => {
      await assertDelivered(network(), way, {});
      // From outside the network: FastPath leaves it to the host.
      const reasons = isFast && way.isFast ? { host_outside: 1 } : {};
      await assertDelivered(network(), way, { source: '198.51.100.7' }, reasons);
    });

    for (const attack of ATTACKS) {
      const reason = attack.isSlowlyStopped && !way.isFast ? null : attack.reason;
      it(`${way.name}, ${attack.name}: dropped${reason ? ` as ${reason}` : ''}`, async () => {
        const { b } = network();
        const meter = startMeter(network());
        const before = await readSnmp(b.pod);
        const { at, forgery } = attack.forge(network());
        await sendRaw(at, way.build(forgery));
        await waitForCounts(meter, reason ? { b: { other: { [reason]: 1 } } } : {});
        // What comes later by the same way is there: so the one before is lost, and not only late.
        await assertDelivered(network(), way, {});
        assert.equal((await readSnmp(b.pod))('Ip.InReceives') - before('Ip.InReceives'), 1);
      });
    }
  }

  it("a pod that uses another subnet's source is stopped at home", async () => {
    const { a, b, c } = network();
    for (const source of [b.pod.address, unheldAddress(network())]) {
      const meter = startMeter(network());
      const before = await readSnmp(c.pod);
      const payload = echoReply(Buffer.from('not mine'));
      await sendRaw(a.pod, [ipv4({ source, destination: c.pod.address, protocol: ICMP, payload })]);
      const reason = isFast ? 'drop_endpoint_source' : 'drop_foreign_source';
      await waitForCounts(meter, { a: { other: { [reason]: 1 } } });
      assert.equal((await readSnmp(c.pod))('Ip.InReceives'), before('Ip.InReceives'));
    }
  });
}

/** A packet that `c` may send to `b`'s pod. */
async function assertDelivered(
  network: Network,
  way: Way,
  change: Partial<Forgery>,
  reasons: Counted['other'] & object = {},
): Promise<void> {
  const { b, c } = network;
  const source = change.source ?? c.pod.address;
  const meter = startMeter(network);
  const before = await readSnmp(b.pod);
  await sendRaw(c.host, way.build({ from: c.host.address, to: b, source, ...change }));
  await waitFor('the packet arrives', async () => {
    return (await readSnmp(b.pod))('Icmp.InEchoReps') - before('Icmp.InEchoReps') === 1;
  });
  const received: Counted = {
    received: { c: 1 },
    ...(way.isFast ? {} : { other: { slow_received: 1 } }),
    ...(Object.keys(reasons).length > 0 && { other: reasons }),
  };
  await waitForCounts(meter, { b: received });
}
