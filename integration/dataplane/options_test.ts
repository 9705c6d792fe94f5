/** VNI, Port and MTU other than the default, beside a flannel-style peer that has the same. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mostTelling } from '../../lab/patience.ts';
import { ping } from '../../lab/traffic.ts';
import { flannelVxlan, type VxlanOptions, vxlanWith } from '../carriers/flannel_vxlan.ts';
import { countDuring } from './meter.ts';
import { countable, createMixed, type Mixed } from './mixed.ts';
import { missing } from './requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from './senders.ts';

const IP_AND_ICMP = 28;

const skip = await missing('etcd', 'etcdctl');

before(() => skip || buildTools());

const CASES: readonly VxlanOptions[] = [
  { VNI: 4242, Port: 65_535, MTU: 600 },
  { VNI: 9_999_999, Port: 4789 },
  { MTU: 1400 },
];

for (const options of mostTelling(CASES)) {
  describe(JSON.stringify(options), { skip }, () => {
    let mixed: Mixed;
    before(async () => {
      mixed = await createMixed({ name: 'options' }, vxlanWith(options), flannelVxlan(options));
    });
    after(() => mixed?.lab.destroy());

    it('the largest packet passes everywhere, by our programs, and a larger one is answered', async () => {
      const { a, b, flannel } = mixed;
      assert.equal(a.mtu, (options.MTU ?? 1500) - 50);
      const size = a.mtu - IP_AND_ICMP;
      const largest = { size, dontFragment: true, count: 3 };
      const counted = await countDuring(countable(mixed), async () => {
        assert.equal(await ping(a.pod, b.pod.address, largest), 3);
        assert.equal(await ping(a.pod, flannel.pod.address, largest), 3);
        assert.equal(await ping(flannel.pod, b.pod.address, largest), 3);
      });
      assert.deepEqual(counted, {
        a: { sent: { b: 3, flannel: 3 }, received: { b: 3, flannel: 3 } },
        b: { sent: { a: 3, flannel: 3 }, received: { a: 3, flannel: 3 } },
      });
      const larger = { size: size + 1, dontFragment: true };
      assert.equal(await ping(a.pod, flannel.pod.address, larger), 0);
    });

    it('TCP, fragments and UDP-GSO arrive', async () => {
      const { a, b, flannel } = mixed;
      for (const [from, to] of [
        [a.pod, b.pod],
        [a.pod, flannel.pod],
        [flannel.pod, b.pod],
      ] as const) {
        const at = { address: to.address, port: 9000 };
        const { sent, received } = await sendTcp(from, to, at, 5);
        assert.deepEqual(received, sent);
        const bytes = a.mtu - IP_AND_ICMP;
        for (const datagrams of [
          { count: 20, bytes: 20_000 },
          { count: 200, bytes, segments: 20 },
        ]) {
          const { intact } = await sendDatagrams(from, to, datagrams);
          assert.equal(intact, datagrams.count);
        }
      }
    });
  });
}
