/** What the underlay may do to a tunnel's packets, or say about them: the flow goes on. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mostTelling } from '../../../lab/patience.ts';
import { ping } from '../../../lab/traffic.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { beside, tally, times } from '../../carriers/tally.ts';
import { build } from '../forge.ts';
import { startMeter, waitForCounts } from '../meter.ts';
import type { Network } from '../network.ts';
import { ICMP, icmpError, inFragments, ipv4, udp } from '../packets.ts';
import { sendRaw } from '../raw.ts';
import type { Row } from '../rows.ts';
import { sendTcp } from '../senders.ts';

/** What a router, or the peer's host, may answer to an outer packet. */
const ERRORS = [
  ['fragmentation needed', 3, 4, 576],
  ['host unreachable', 3, 1, 0],
  ['port unreachable', 3, 3, 0],
  ['prohibited', 3, 13, 0],
  ['TTL exceeded', 11, 0, 0],
] as const;

export function mishaps(network: () => Network, { carrier }: Row): void {
  const { tunnel } = carrier;
  // Without one, what the underlay says is said to the pods.
  if (tunnel === null) return;

  for (const [what, type, code, rest] of mostTelling(ERRORS)) {
    it(`the underlay says “${what}” about a tunnel's packet: the flow goes on`, async () => {
      const { a, b, stranger } = network();
      const about = ipv4({
        source: a.host.address,
        destination: b.host.address,
        payload: udp(40_000, tunnel.port, Buffer.alloc(1400)),
      });
      const payload = icmpError(type, code, about, rest);
      const error = ipv4({
        source: stranger.address,
        destination: a.host.address,
        protocol: ICMP,
        payload,
      });
      sendRaw(stranger.namespace, [error, error]);
      const size = a.mtu - 28;
      assert.equal(await ping(a.pod, b.pod.address, { count: 5, size, dontFragment: true }), 5);
      sendRaw(stranger.namespace, [error]);
      const to = { address: b.pod.address, port: 9000 };
      const { sent, received } = await sendTcp(a.pod, b.pod, to, 5);
      assert.deepEqual(received, sent);
      await a.host.exec(['ip', 'route', 'flush', 'cache']);
    });
  }

  if (tunnel.gathers === 'in any order') gathersAll(network, carrier);
  else gathersInOrder(network, carrier);
}

/** What a router may make of the fragments of an outer packet. */
interface Pieces {
  readonly first: Buffer;
  readonly last: Buffer;
  /** The second piece begins within the first: both are to be thrown away (RFC 5722's rule, for IPv4 too). */
  readonly overlapping: Buffer[];
}

function piecesOf({ b, c }: Network, carrier: Carrier): Pieces {
  const forgery = { from: c.host.address, to: b, source: c.pod.address };
  const [first, last] = inFragments(build(carrier, forgery), 24);
  const packet = build(carrier, forgery);
  const [wide] = inFragments(packet, 48);
  const [, rest] = inFragments(packet, 24);
  assert(first && last && wide && rest);
  return { first, last, overlapping: [wide, rest] };
}

function gathersAll(network: () => Network, carrier: Carrier): void {
  it('outer fragments twice, in another order, and overlapping: none is delivered twice, and the flow goes on', async () => {
    const { b, c } = network();
    const { first, last, overlapping } = piecesOf(network(), carrier);
    const meter = startMeter(network());
    sendRaw(c.host, [last, first]);
    const slow = beside(carrier.programs?.slow.received);
    await waitForCounts(meter, tally(carrier, { b: { received: { c: 1 }, ...slow } }));
    // A duplicate of what has been put together: it waits for the rest in vain.
    sendRaw(c.host, [first]);
    sendRaw(c.host, overlapping);

    assert.equal(await ping(c.pod, b.pod.address, { count: 5 }), 5);
    const all = {
      b: { received: { c: 6 }, sent: { c: 5 }, ...slow },
      c: { received: { b: 5 }, sent: { b: 5 } },
    };
    await waitForCounts(meter, tally(carrier, all));
  });
}

function gathersInOrder(network: () => Network, carrier: Carrier): void {
  it('outer fragments in another order, twice, and overlapping: none is delivered, and the flow goes on', async () => {
    const { b, c } = network();
    const { first, last, overlapping } = piecesOf(network(), carrier);
    const meter = startMeter(network());
    sendRaw(c.host, [last, first]);
    sendRaw(c.host, [first]);
    sendRaw(c.host, overlapping);

    assert.equal(await ping(c.pod, b.pod.address, { count: 5 }), 5);
    const waiting = beside(times(3, carrier.programs?.slow.piece));
    const all = {
      b: { received: { c: 5 }, sent: { c: 5 }, ...waiting },
      c: { received: { b: 5 }, sent: { b: 5 } },
    };
    await waitForCounts(meter, tally(carrier, all));
  });
}
