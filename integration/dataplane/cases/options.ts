/** Options of a backend other than the default, beside a flannel-style peer that has the same. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ping, waitForPing } from '../../../lab/traffic.ts';
import type { Carrier } from '../../carriers/contract.ts';
import type { Flannel } from '../../carriers/flannel.ts';
import { beside, times } from '../../carriers/tally.ts';
import { countDuring } from '../meter.ts';
import { countable, createMixed, type Mixed } from '../mixed.ts';
import { missing } from '../requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from '../senders.ts';

const IP_AND_ICMP = 28;

const skip = await missing('etcd', 'etcdctl');

export function testOptions(carrier: Carrier, flannel: Flannel): void {
  const { Backend } = carrier.config;
  before(() => skip || buildTools());
  describe(JSON.stringify(Backend), { skip }, () => {
    let mixed: Mixed;
    before(async () => {
      mixed = await createMixed({ name: 'options' }, carrier, flannel);
    });
    after(() => mixed?.lab.destroy());

    it('the largest packet passes everywhere, by our programs, and a larger one is answered', async () => {
      const { a, b, flannel: other } = mixed;
      // What a peer's end is may be told by what has come from there.
      await waitForPing(a.pod, b.pod.address);
      assert.equal(a.mtu, Number(Backend.MTU ?? 1500) - carrier.overhead);
      const size = a.mtu - IP_AND_ICMP;
      const largest = { size, dontFragment: true, count: 3 };
      const counted = await countDuring(countable(mixed), async () => {
        assert.equal(await ping(a.pod, b.pod.address, largest), 3);
        assert.equal(await ping(a.pod, other.pod.address, largest), 3);
        assert.equal(await ping(other.pod, b.pod.address, largest), 3);
      });
      const finished = beside(flannel.isProcess ? times(3, carrier.programs?.toProcess) : {});
      assert.deepEqual(counted, {
        a: { sent: { b: 3, flannel: 3 }, received: { b: 3, flannel: 3 }, ...finished },
        b: { sent: { a: 3, flannel: 3 }, received: { a: 3, flannel: 3 }, ...finished },
      });
      const larger = { size: size + 1, dontFragment: true };
      assert.equal(await ping(a.pod, other.pod.address, larger), 0);
    });

    it('TCP, fragments and UDP-GSO arrive', async () => {
      const { a, b, flannel: other } = mixed;
      const { fragmented, segmented } = flannel.atOnce;
      for (const [from, to] of [
        [a.pod, b.pod],
        [a.pod, other.pod],
        [other.pod, b.pod],
      ] as const) {
        const at = { address: to.address, port: 9000 };
        const { sent, received } = await sendTcp(from, to, at, 5);
        assert.deepEqual(received, sent);
        const bytes = a.mtu - IP_AND_ICMP;
        for (const datagrams of [
          { count: Math.min(20, fragmented), bytes: 20_000 },
          { count: Math.min(200, segmented), bytes, segments: 20 },
        ]) {
          const { intact } = await sendDatagrams(from, to, datagrams);
          assert.equal(intact, datagrams.count);
        }
      }
    });
  });
}
