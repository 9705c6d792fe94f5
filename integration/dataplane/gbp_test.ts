/** Group policy: a packet's mark travels along, between hosts of ours and flannel's, on every way there is. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Namespace } from '../../lab/namespace.ts';
import { mostTelling } from '../../lab/patience.ts';
import { ping } from '../../lab/traffic.ts';
import { flannelVxlan, vxlanWith } from '../carriers/flannel_vxlan.ts';
import { startMeter } from './meter.ts';
import { countable, createMixed, type Mixed } from './mixed.ts';
import { missing } from './requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from './senders.ts';

/** A group, and the bit A: the policy has been applied (draft-smith-vxlan-group-policy, as the kernel marks it). */
const MARK = 0x8002a;

const skip = await missing('etcd', 'etcdctl');

before(() => skip || buildTools());

/** The cable in the middle of the underlay is narrow: between a and b, and b and flannel, outer packets are fragmented. */
const LAB = { name: 'gbp', underlay: 'routed', pathMtu: 1400 } as const;

for (const GBP of mostTelling([true, false])) {
  describe(`GBP ${GBP}`, { skip }, () => {
    let mixed: Mixed;
    before(async () => {
      mixed = await createMixed(LAB, vxlanWith({ GBP }), flannelVxlan({ GBP }));
      const { lab, a, b, flannel } = mixed;
      for (const { host } of [a, b, flannel]) await markAndCount(host);
      for (const router of ['router1', 'router2']) await countPolicies(lab.node(router));
    });
    after(() => mixed?.lab.destroy());

    const ways = () => {
      const { a, b, flannel } = mixed;
      return [
        ['a to b, over the narrow cable', a, b],
        ['a to flannel', a, flannel],
        ['flannel to a', flannel, a],
        ['flannel to b, over the narrow cable', flannel, b],
      ] as const;
    };

    for (const [what, send] of [
      ['small packets', (from, to) => ping(from, to.address, { count: 5 })],
      ['large packets', (from, to) => ping(from, to.address, { count: 5, size: 1400 })],
      ['fragments', (from, to) => sendDatagrams(from, to, { count: 5, bytes: 20_000 })],
      ['UDP-GSO', (from, to) => sendDatagrams(from, to, { count: 80, bytes: 1400, segments: 40 })],
      ['TCP', (from, to) => sendTcp(from, to, { address: to.address, port: 9000 }, 1)],
    ] as [string, (from: Mixed['a']['pod'], to: Mixed['a']['pod']) => Promise<unknown>][]) {
      it(`${what}: ${GBP ? 'each arrives with its mark' : 'none arrives with a mark'}`, async () => {
        for (const [way, from, to] of ways()) {
          const before = await readTally(to.host);
          await send(from.pod, to.pod);
          const after = await readTally(to.host);
          const [marked, plain] = [after.marked - before.marked, after.plain - before.plain];
          assert(marked + plain > 0, `${way}: nothing arrived`);
          assert.equal(GBP ? plain : marked, 0, `${way}: ${marked} marked, ${plain} not`);
        }
      });
    }

    it('what the kernel’s device encapsulates is like the rest', async () => {
      const { a, b, flannel } = mixed;
      // What was decapsulated once goes out again by the kernel's device.
      await b.pod.shell(`
        echo 1 >/proc/sys/net/ipv4/ip_forward
        nft -f - <<'END'
table ip router {
  chain before { type nat hook prerouting priority dstnat; tcp dport 9002 dnat to ${flannel.pod.address}:9000; }
  chain after { type nat hook postrouting priority srcnat; masquerade; }
}
END`);
      const meter = startMeter(countable(mixed));
      const before = await readTally(flannel.host);
      const to = { address: b.pod.address, port: 9002 };
      const { sent, received } = await sendTcp(a.pod, flannel.pod, to, 5, 9000);
      assert.deepEqual(received, sent);
      const slow = meter.read().b?.other?.slow_send_room ?? 0;
      assert(slow > 0, 'the slow way was taken');
      const after = await readTally(flannel.host);
      assert.equal(GBP ? after.plain - before.plain : after.marked - before.marked, 0);
    });

    it(`on the wire ${GBP ? 'is the group' : 'is nothing of it'}`, async () => {
      for (const router of ['router1', 'router2']) {
        const { flagged, group } = await readTally(mixed.lab.node(router));
        assert.equal(flagged > 0, GBP, `${router}: ${flagged} packets with the G bit`);
        assert.equal(group, flagged, 'with bit A and the group');
      }
    });
  });
}

/** Marks what the pods send, and counts by its mark what comes out of the tunnel. */
function markAndCount(host: Namespace): Promise<unknown> {
  return host.shell(`nft -f - <<'END'
table ip tally {
  counter marked { }
  counter plain { }
  chain send {
    type filter hook forward priority mangle;
    oifname "flannel.1" meta mark set ${MARK}
  }
  chain receive {
    type filter hook prerouting priority raw;
    iifname "flannel.1" meta mark ${MARK} counter name marked accept
    iifname "flannel.1" counter name plain
  }
}
END`);
}

/** Looks into the VXLAN header of what is forwarded: flags, and the word's other bits. */
function countPolicies(router: Namespace): Promise<unknown> {
  return router.shell(`nft -f - <<'END'
table ip tally {
  counter flagged { }
  counter group { }
  chain look {
    type filter hook forward priority filter;
    udp dport 8472 @th,64,8 & 0x80 == 0x80 counter name flagged
    udp dport 8472 @th,64,32 0x8808002a counter name group
  }
}
END`);
}

interface Tally {
  readonly marked: number;
  readonly plain: number;
  readonly flagged: number;
  readonly group: number;
}

/** Packets by counter; those of the other kind of node are 0. */
async function readTally(namespace: Namespace): Promise<Tally> {
  const { stdout } = await namespace.exec(['nft', '-j', 'list', 'counters']);
  const { nftables } = JSON.parse(stdout) as {
    nftables: { counter?: { name: string; packets: number } }[];
  };
  const counted = nftables.flatMap(({ counter }) =>
    counter ? [[counter.name, counter.packets]] : [],
  );
  return { marked: 0, plain: 0, flagged: 0, group: 0, ...Object.fromEntries(counted) };
}
