/** Who may send what: on both ways of receiving, and at home. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Namespace } from '../../../lab/namespace.ts';
import { oneOfEach } from '../../../lab/patience.ts';
import { waitFor } from '../../../lab/ready.ts';
import { ping } from '../../../lab/traffic.ts';
import type { CounterName } from '../../../src/bpf/counters.ts';
import { type Carrier, isFast, type Reasons } from '../../carriers/contract.ts';
import { beside, exchange, tally } from '../../carriers/tally.ts';
import { type Forgery, WAYS, type Way } from '../forge.ts';
import { countDuring, startMeter, waitForCounts } from '../meter.ts';
import { type Network, unheldAddress } from '../network.ts';
import { echoReply, ICMP, ipv4 } from '../packets.ts';
import { sendRaw } from '../raw.ts';
import type { Row } from '../rows.ts';
import { readSnmp } from '../snmp.ts';

/** No address of the network. */
const OUTSIDE = '198.51.100.7';

interface Attack {
  readonly name: string;
  /** By way; null: a kernel has dropped it before our check could. */
  readonly reason: (way: Way) => CounterName | null;
  forge(network: Network): { at: Namespace; forgery: Forgery };
}

const fromStranger =
  (name: string, source: (network: Network) => string) =>
  (slowly: CounterName | null): Attack => ({
    name: `from a stranger, ${name}`,
    reason: ({ isFast }) => (isFast ? 'drop_unknown_peer' : slowly),
    forge: (network) => ({
      at: network.stranger.namespace,
      forgery: { from: network.stranger.address, to: network.b, source: source(network) },
    }),
  });

const STRANGERS = [
  fromStranger("with a peer's source", ({ a }) => a.pod.address),
  fromStranger('with a source that nobody holds', unheldAddress),
  fromStranger('with a source outside the network', () => OUTSIDE),
];

/** `c` is a peer of `b`'s. */
const fromPeer = (
  name: string,
  reason: Attack['reason'],
  change: (network: Network) => Partial<Forgery>,
): Attack => ({
  name: `from a peer, ${name}`,
  reason,
  forge: (network) => {
    const { b, c } = network;
    const forgery = { from: c.host.address, to: b, source: c.pod.address, ...change(network) };
    return { at: c.host, forgery };
  },
});

const spoofed = () => 'drop_spoofed_source' as const;

const attacksOn = ({ tunnel, programs }: Carrier): Attack[] => [
  ...STRANGERS.map((attack) => attack(programs?.slow.unknown ?? null)),
  fromPeer("with another peer's source", spoofed, ({ a }) => ({ source: a.pod.address })),
  fromPeer("with the receiver's own source", spoofed, ({ b }) => ({ source: b.gateway })),
  fromPeer('with a source that nobody holds', spoofed, (network) => ({
    source: unheldAddress(network),
  })),
  fromPeer(
    'cut off within the inner header',
    ({ isFast }) => (isFast ? 'drop_truncated' : (programs?.slow.truncated ?? null)),
    () => ({ innerBytes: 18 }),
  ),
  ...(tunnel?.flaws ?? []).map(({ name, counter, isStoppedByKernel, change }) =>
    fromPeer(
      name,
      (way) => (isStoppedByKernel && !way.isFast ? null : counter),
      (network) => ({ changes: change(network) }),
    ),
  ),
];

export function forgeries(network: () => Network, { carrier }: Row): void {
  if (carrier.tunnel === null) plainRouting(network, carrier);
  else checkedTunnel(network, carrier);
  if (carrier.programs === null || carrier.programs.see === 'strays') return;

  it("a pod that uses another subnet's source is stopped at home", async () => {
    const { a, b, c } = network();
    for (const source of [b.pod.address, unheldAddress(network())]) {
      const meter = startMeter(network());
      const before = readSnmp(c.pod);
      const payload = echoReply(Buffer.from('not mine'));
      sendRaw(a.pod, [ipv4({ source, destination: c.pod.address, protocol: ICMP, payload })]);
      const reason = isFast(carrier) ? 'drop_endpoint_source' : 'drop_foreign_source';
      await waitForCounts(meter, { a: { other: { [reason]: 1 } } });
      assert.equal(readSnmp(c.pod)('Ip.InReceives'), before('Ip.InReceives'));
    }
  });
}

/** What comes out of a tunnel must be a peer's. */
function checkedTunnel(network: () => Network, carrier: Carrier): void {
  for (const way of WAYS) {
    if (!way.isOpen(carrier)) {
      closedWay(network, carrier, way);
      continue;
    }
    it(`${way.name}: what a peer may send is delivered and counted`, async () => {
      await assertDelivered(network(), way, {});
      // From outside the network: FastPath leaves it to the host.
      const isServed = way.isFast || carrier.programs?.slow.isServed;
      const reasons = isFast(carrier) && isServed ? { host_outside: 1 } : {};
      await assertDelivered(network(), way, { source: OUTSIDE }, reasons);
    });

    const attacks = attacksOn(carrier).map((attack) => ({ ...attack, reason: attack.reason(way) }));
    // What a kernel drops it drops for reasons of its own.
    for (const attack of oneOfEach(attacks, ({ name, reason }) => reason ?? name)) {
      const { reason } = attack;
      it(`${way.name}, ${attack.name}: dropped${reason ? ` as ${reason}` : ''}`, async () => {
        const { b } = network();
        const meter = startMeter(network());
        const before = readSnmp(b.pod);
        const { at, forgery } = attack.forge(network());
        sendRaw(at, way.build(carrier, forgery));
        const dropped = way.isFast ? {} : carrier.programs?.slow.dropped;
        await waitForCounts(meter, reason ? { b: { other: { ...dropped, [reason]: 1 } } } : {});
        // What comes later by the same way is there: so the one before is lost, and not only late.
        await assertDelivered(network(), way, {});
        assert.equal(readSnmp(b.pod)('Ip.InReceives') - before('Ip.InReceives'), 1);
      });
    }
  }
}

function closedWay(network: () => Network, carrier: Carrier, way: Way): void {
  it(`${way.name}: nothing gets in, not even what a peer may send`, async () => {
    const { b, c } = network();
    const before = readSnmp(b.pod);
    const counted = await countDuring(network(), async () => {
      const forgery = { from: c.host.address, to: b, source: c.pod.address };
      sendRaw(c.host, way.build(carrier, forgery));
      assert.equal(await ping(c.pod, b.pod.address), 1);
    });
    // The ping's answer left; the packet before it did not come in.
    assert.deepEqual(counted, tally(carrier, exchange('c', 'b', 1)));
    assert.equal(readSnmp(b.pod)('Ip.InReceives') - before('Ip.InReceives'), 1);
  });
}

/** Nothing says who sent a packet: it is delivered, as with any route, and counted for whoever has its source. */
function plainRouting(network: () => Network, carrier: Carrier): void {
  for (const way of WAYS) {
    it(`${way.name}: whoever sends it, with whatever source, it is delivered`, async () => {
      const { a, b, c, stranger } = network();
      for (const [source, holder] of [
        [c.pod.address, 'c'],
        [a.pod.address, 'a'],
        [unheldAddress(network()), null],
        [OUTSIDE, null],
      ] as const) {
        for (const at of [c.host, stranger.namespace]) {
          const packets = way.build(carrier, { from: '', to: b, source });
          const meter = startMeter(network());
          const before = readSnmp(b.pod);
          sendRaw(at, packets);
          await waitFor('the packet arrives', async () => {
            return readSnmp(b.pod)('Icmp.InEchoReps') - before('Icmp.InEchoReps') === 1;
          });
          const counted = holder
            ? (way.ofPods ?? { received: { [holder]: packets.length } })
            : { other: { host_outside: packets.length } };
          await waitForCounts(meter, tally(carrier, { b: counted }));
        }
      }
    });
  }
}

/** A packet that `c` may send to `b`'s pod. */
async function assertDelivered(
  network: Network,
  way: Way,
  change: Partial<Forgery>,
  reasons: Reasons = {},
): Promise<void> {
  const { b, c } = network;
  const source = change.source ?? c.pod.address;
  const meter = startMeter(network);
  const before = readSnmp(b.pod);
  const { carrier } = network;
  const forgery = { from: c.host.address, to: b, source, ...change };
  sendRaw(c.host, way.build(carrier, forgery));
  await waitFor('the packet arrives', async () => {
    return readSnmp(b.pod)('Icmp.InEchoReps') - before('Icmp.InEchoReps') === 1;
  });
  const slow = way.isFast ? {} : carrier.programs?.slow.received;
  const received = { received: { c: 1 }, ...beside({ ...slow, ...reasons }) };
  await waitForCounts(meter, tally(carrier, { b: received }));
}
