/** Forged packets over the wire, by either way of receiving: dropped, counted by reason, never delivered. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { oneOfEach } from '../../../lab/patience.ts';
import { waitFor } from '../../../lab/ready.ts';
import { UNDERLAY_DEVICE } from '../../../lab/topology.ts';
import { isFast, type TunnelCarrier } from '../../carriers/contract.ts';
import { startMeter, waitForCounts } from '../../dataplane/meter.ts';
import { createNetwork, unheldAddress } from '../../dataplane/network.ts';
import { echoReply, ICMP, ipv4 } from '../../dataplane/packets.ts';
import { sendFrames, sendRaw } from '../../dataplane/raw.ts';
import { missing } from '../../dataplane/requirements.ts';
import { buildTools, type Capture, startCapture } from '../../dataplane/senders.ts';
import { readSnmp } from '../../dataplane/snmp.ts';
import { innerAttacks, outerAttacks } from '../attacks.ts';
import {
  describeScene,
  forge,
  forgeFragments,
  type Piece,
  probe,
  type Scene,
  WAYS,
} from '../frames.ts';
import { watchKernelLog } from '../kernel_log.ts';

const skip = await missing('dmesg');

const IPV4_HEADER = 20;
/** Outer IPv4 and UDP. */
const TO_PORTS = 28;

export function testForgeries(carrier: TunnelCarrier): void {
  const slow = carrier.programs?.slow;
  const headers = carrier.overhead + IPV4_HEADER;
  describe(`forged packets, ${carrier.name}`, { skip }, () => {
    const cleanUp = new AsyncDisposableStack();
    let scene: Scene;
    let inPod: Capture;
    let listConcerns: () => string[];
    before(async () => {
      await buildTools();
      const network = await createNetwork({ name: 'security', underlay: 'flat' }, carrier);
      cleanUp.defer(() => network.lab.destroy());
      // As kube-proxy sets it: loopback is reached from outside.
      await network.b.host.shell('echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet');
      scene = await describeScene(network);
      inPod = cleanUp.use(await startCapture(network.b.pod, 'eth0'));
      listConcerns = watchKernelLog();
    });
    after(() => cleanUp.disposeAsync());

    const send = (frames: readonly Buffer[]) =>
      sendFrames(scene.network.c.host, UNDERLAY_DEVICE, frames);

    /** Sends frames that raise just these counters; nothing of them arrives, in the pod or at the host. */
    async function assertStopped(frames: readonly Buffer[], counters: Record<string, number>) {
      const { network } = scene;
      const [meter, seen] = [startMeter(network), inPod.frames().length];
      const before = readSnmp(network.b.host);
      await send(frames);
      const isCounted = Object.keys(counters).length > 0;
      await waitForCounts(meter, isCounted ? { b: { other: counters } } : {});
      await assertArrives(WAYS.whole.build(scene, { payload: probe('good') }), seen);
      const after = readSnmp(network.b.host);
      assert.equal(after('Icmp.InMsgs'), before('Icmp.InMsgs'), 'the host got ICMP');
      await waitForCounts(meter, {
        b: { received: { c: 1 }, ...(isCounted && { other: counters }) },
      });
    }

    /** Of what the pod has seen since, only the last of these frames came in, once. */
    async function assertArrives(frames: readonly Buffer[], seen: number): Promise<void> {
      await send(frames);
      const arrived = () => inPod.frames().slice(seen);
      await waitFor('the good packet arrives', () => arrived().length > 0);
      assert.deepEqual(
        arrived().map((frame) => frame.toString('latin1', 42)),
        ['good'],
      );
    }

    for (const [way, { isFast: isFastWay, isOpen, build, ...more }] of Object.entries(WAYS)) {
      if (!isOpen(carrier.tunnel)) {
        it(`${way}: not even a good packet gets in`, async () => {
          await assertStopped(build(scene, {}), 'isWaiting' in more ? { ...slow?.piece } : {});
        });
        continue;
      }
      it(`${way}: a good packet arrives`, async () => {
        await assertArrives(build(scene, { payload: probe('good') }), inPod.frames().length);
      });

      const attacks = innerAttacks(carrier.tunnel).map(({ counter, slowCounter, ...attack }) => {
        const seen =
          slowCounter === null || counter !== 'drop_unknown_peer' ? counter : slow?.unknown;
        return { ...attack, reason: isFastWay ? counter : slowCounter === null ? null : seen };
      });
      for (const attack of oneOfEach(attacks, ({ name, reason }) => reason ?? name)) {
        const { name, reason, change } = attack;
        it(`${way}: ${name} is dropped${reason ? ` as ${reason}` : ''}`, async () => {
          const frames = build(scene, change(scene.network));
          const on = isFastWay ? {} : slow?.dropped;
          await assertStopped(frames, reason ? { ...on, [reason]: 1 } : {});
        });
      }
    }

    for (const { name: attack, counter, change } of outerAttacks(carrier.tunnel)) {
      it(`${attack} is stopped, and counted as ${counter}`, async () => {
        await assertStopped([forge(scene, change(scene.network))], { [counter]: 1 });
      });
    }

    it('cut off at each byte', async () => {
      const whole = forge(scene);
      const lengths = Array.from({ length: whole.length - 14 }, (_, at) => 14 + at);
      const frames = lengths.map((length) => whole.subarray(0, length));
      // Up to the ports nothing says that it is for us; from the inner header on, its length lies.
      await assertStopped(frames, {
        drop_truncated: headers - TO_PORTS,
        drop_length: whole.length - 14 - headers,
      });
    });

    const OVERLAPS: Record<string, (length: number) => readonly Piece[]> = {
      'the second fragment over the inner headers': (length) => [
        [0, 64],
        [40, length],
      ],
      'the first fragment last, over all': (length) => [
        [40, length],
        [0, 64],
      ],
    };
    for (const [overlap, pieces] of Object.entries(OVERLAPS)) {
      it(`overlapping fragments, ${overlap}: never put together`, async () => {
        const payload = probe('overlapping '.repeat(10));
        await assertStopped(forgeFragments(scene, { payload }, pieces), { ...slow?.piece });
      });
    }

    it('a fragment within another is ignored: what is checked is what would arrive', async () => {
      const { a, c } = scene.network;
      const whole = { outer: { id: 0x7777 }, payload: probe('overlapping '.repeat(10)) };
      const spoofed = { ...whole, inner: { source: a.pod.address } };
      const [head, tail] = forgeFragments(scene, spoofed, (length) => [
        [0, 80],
        [80, length],
      ]);
      const [mask] = forgeFragments(scene, { ...whole, inner: { source: c.pod.address } }, () => [
        [24, 64],
      ]);
      assert(head && tail && mask);
      await assertStopped([head, mask, tail], { ...slow?.dropped, drop_spoofed_source: 1 });
    });

    it('a pod that forges its source is stopped at home', async () => {
      const { a, b, c } = scene.network;
      const seen = inPod.frames().length;
      const own = a.pod.address.replace(/\d+$/, '77');
      const sources = isFast(carrier) ? [b.pod.address, own, '203.0.113.7'] : [b.pod.address];
      for (const source of [...sources, c.pod.address, unheldAddress(scene.network)]) {
        const meter = startMeter(scene.network);
        const payload = echoReply(Buffer.from('not mine'));
        const packet = ipv4({ source, destination: b.pod.address, protocol: ICMP, payload });
        sendRaw(a.pod, [packet]);
        const reason = isFast(carrier) ? 'drop_endpoint_source' : 'drop_foreign_source';
        await waitForCounts(meter, { a: { other: { [reason]: 1 } } });
      }
      await assertArrives([forge(scene, { payload: probe('good') })], seen);
    });

    it('left nothing in the kernel log', () => assert.deepEqual(listConcerns(), []));
  });
}
