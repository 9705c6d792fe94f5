/** What headers may carry: congestion marks and options, inside and outside. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mostTelling } from '../../../lab/patience.ts';
import { isFast, type Programs } from '../../carriers/contract.ts';
import { beside, exchange, tally } from '../../carriers/tally.ts';
import { WAYS, type Way } from '../forge.ts';
import { type CountedByHost, countDuring, startMeter, waitForCounts } from '../meter.ts';
import type { Network } from '../network.ts';
import { ECN, type Ecn, echoReply, ICMP, ipv4 } from '../packets.ts';
import { sendRaw } from '../raw.ts';
import type { Row } from '../rows.ts';
import { readSnmp } from '../snmp.ts';

/** What of the inner and the outer mark goes on (RFC 6040, figure 4): by inner, by outer; null: the packet is dropped. */
const { notCapable, capable1, capable, congested } = ECN;
const DECAPSULATED: readonly (readonly [inner: Ecn, readonly (readonly [Ecn, Ecn | null])[]])[] = [
  [
    notCapable,
    [
      [notCapable, notCapable],
      [capable, notCapable],
      [capable1, notCapable],
      [congested, null],
    ],
  ],
  [
    capable,
    [
      [notCapable, capable],
      [capable, capable],
      [capable1, capable1],
      [congested, congested],
    ],
  ],
  [
    capable1,
    [
      [notCapable, capable1],
      [capable, capable1],
      [capable1, capable1],
      [congested, congested],
    ],
  ],
  [
    congested,
    [
      [notCapable, congested],
      [capable, congested],
      [capable1, congested],
      [congested, congested],
    ],
  ],
];

/** The kernel's count of packets that came in with a mark. */
const RECEIVED_WITH = {
  [notCapable]: 'IpExt.InNoECTPkts',
  [capable1]: 'IpExt.InECT1Pkts',
  [capable]: 'IpExt.InECT0Pkts',
  [congested]: 'IpExt.InCEPkts',
} as const;

export function marks(network: () => Network, { carrier }: Row): void {
  // Without a tunnel there are no marks but the pods' own.
  for (const way of carrier.tunnel === null ? [] : WAYS.filter(({ isOpen }) => isOpen(carrier))) {
    it(`${way.name}: marks, inner and outer, become what RFC 6040 has of each pair`, async () => {
      for (const [inner, outcomes] of mostTelling(DECAPSULATED, 2)) {
        for (const [outer, wanted] of outcomes)
          await assertMark(network(), way, { inner, outer, wanted });
      }
    });
  }

  it("a pod's own marks arrive, on the fast way", async () => {
    const { a, c } = network();
    for (const [tos, counter] of [
      [ECN.capable, 'IpExt.InECT0Pkts'],
      [ECN.congested, 'IpExt.InCEPkts'],
    ] as const) {
      const before = readSnmp(c.pod);
      const meter = startMeter(network());
      const fields = { source: a.pod.address, destination: c.pod.address, protocol: ICMP, tos };
      sendRaw(a.pod, [ipv4({ ...fields, payload: echoReply(Buffer.from('marked')) })]);
      // Copied to the outer header, congestion is in the inner one already.
      const once = { a: { sent: { c: 1 } }, c: { received: { a: 1 } } };
      await waitForCounts(meter, tally(carrier, once));
      assert.equal(readSnmp(c.pod)(counter) - before(counter), 1, counter);
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
    if (isFast(carrier)) assert.deepEqual(counted.a?.other, { host_options: 6 });
    else assert.deepEqual(counted, tally(carrier, exchange('a', 'b', 3)));
  });
}

interface Marks {
  readonly inner: Ecn;
  readonly outer: Ecn;
  readonly wanted: Ecn | null;
}

async function assertMark(
  network: Network,
  way: Way,
  { inner, outer, wanted }: Marks,
): Promise<void> {
  const { b, c } = network;
  const meter = startMeter(network);
  const before = readSnmp(b.pod);
  const forgery = { from: c.host.address, to: b, source: c.pod.address };
  const { carrier } = network;
  sendRaw(c.host, way.build(carrier, { ...forgery, innerEcn: inner, outerEcn: outer }));
  const { programs } = carrier;
  await waitForCounts(meter, programs ? countsOf(programs, way, { inner, outer, wanted }) : {});
  const after = readSnmp(b.pod);
  const arrived = Object.entries(RECEIVED_WITH).flatMap(([mark, name]) =>
    after(name) === before(name) ? [] : [Number(mark)],
  );
  const what = `inner ${inner} in outer ${outer}`;
  assert.deepEqual(arrived, wanted === null ? [] : [wanted], what);
}

function countsOf({ slow, marked }: Programs, way: Way, { inner, wanted }: Marks): CountedByHost {
  const received = { c: 1 };
  if (wanted === null) {
    const reason = way.isFast ? 'drop_congestion' : slow.congested;
    if (reason === null) return {};
    return { b: { other: { ...(!way.isFast && slow.dropped), [reason]: 1 } } };
  }
  if (!way.isFast) return { b: { received, ...beside(slow.received) } };
  return { b: { received, ...(wanted !== inner && beside(marked)) } };
}
