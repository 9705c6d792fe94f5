/** What the underlay may do to a tunnel's packets, or say about them: the flow goes on. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ping } from '../../../lab/traffic.ts';
import { beside, tally } from '../../carriers/tally.ts';
import { build } from '../forge.ts';
import { startMeter, waitForCounts } from '../meter.ts';
import type { Network } from '../network.ts';
import { ICMP, icmpError, inFragments, ipv4, udp } from '../packets.ts';
import type { Row } from '../rows.ts';
import { sendRaw, sendTcp } from '../senders.ts';

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

  for (const [what, type, code, rest] of ERRORS) {
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
      await sendRaw(stranger.namespace, [error, error]);
      const size = a.mtu - 28;
      assert.equal(await ping(a.pod, b.pod.address, { count: 5, size, dontFragment: true }), 5);
      await sendRaw(stranger.namespace, [error]);
      const to = { address: b.pod.address, port: 9000 };
      const { sent, received } = await sendTcp(a.pod, b.pod, to, 5);
      assert.deepEqual(received, sent);
      await a.host.exec(['ip', 'route', 'flush', 'cache']);
    });
  }

  it('outer fragments twice, in another order, and overlapping: none is delivered twice, and the flow goes on', async () => {
    const { b, c } = network();
    const forgery = { from: c.host.address, to: b, source: c.pod.address };
    const meter = startMeter(network());

    const [first, last] = inFragments(build(carrier, forgery), 24);
    assert(first && last);
    await sendRaw(c.host, [last, first]);
    const slow = beside(carrier.programs?.slow.received);
    await waitForCounts(meter, tally(carrier, { b: { received: { c: 1 }, ...slow } }));
    // A duplicate of what has been put together: it waits for the rest in vain.
    await sendRaw(c.host, [first]);

    // The second piece begins within the first: the kernel throws all of it away (RFC 5722's rule, for IPv4 too).
    const packet = build(carrier, forgery);
    const [wide] = inFragments(packet, 48);
    const [, rest] = inFragments(packet, 24);
    assert(wide && rest);
    await sendRaw(c.host, [wide, rest]);

    assert.equal(await ping(c.pod, b.pod.address, { count: 5 }), 5);
    const all = {
      b: { received: { c: 6 }, sent: { c: 5 }, ...slow },
      c: { received: { b: 5 }, sent: { b: 5 } },
    };
    await waitForCounts(meter, tally(carrier, all));
  });
}
