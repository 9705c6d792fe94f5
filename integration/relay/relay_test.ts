/** What pods have of it, with the same relay at the other end and with flannel's kind. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PATIENCE } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { startUserRelay } from '../../lab/user_relay.ts';
import { buildTools, sendDatagrams, sendTcp } from '../dataplane/senders.ts';
import { missing } from './requirements.ts';
import { createPair, type Pair, type Party, type RelayKind } from './suite.ts';

const skip = missing('iperf3', 'tcpdump');

before(() => skip || buildTools());

const SETUPS = (['tartan', 'flannel'] as const)
  .flatMap((other) => [false, true].map((wire) => ({ other, wire })))
  .filter(({ wire }) => PATIENCE === 1 || !wire);

for (const { other, wire } of SETUPS) {
  describe(`tartan relay, ${titleOf(other)}${wire ? ', wire' : ''}`, { skip }, () => {
    let pair: Pair;
    let ways: [Party, Party][];
    before(async () => {
      pair = await createPair({ name: 'relay', wire }, other);
      const { a, b } = pair;
      await waitForPing(a.pod, b.pod.address);
      ways = [
        [a, b],
        [b, a],
      ];
    });
    after(() => pair?.lab.destroy());

    it('pings both ways, up to the MTU', async () => {
      for (const [from, to] of ways) {
        const { address } = to.pod;
        const size = from.settings.mtu - 28;
        // One by one: of several, ping does not wait for the last answer as it does for an only one.
        for (let count = 0; count < 5; count++) assert.equal(await ping(from.pod, address), 1);
        assert.equal(await ping(from.pod, address, { size, dontFragment: true }), 1);
        assert.equal(await ping(from.pod, address, { size: size + 1, dontFragment: true }), 0);
        assert.equal(await ping(from.pod, address, { size: 10_000, dontFragment: false }), 1);
      }
    });

    it('hosts too', async () => {
      const { a, b } = pair;
      assert.equal(await ping(a.host, b.settings.subnet.replace('/24', '')), 1);
      assert.equal(await ping(b.host, a.settings.subnet.replace('/24', '')), 1);
    });

    it('50 MB of TCP both ways', async () => {
      for (const [from, to] of ways) {
        const target = { address: to.pod.address, port: 9000 };
        const { sent, received } = await sendTcp(from.pod, to.pod, target, 50);
        assert.deepEqual(received, sent);
      }
    });

    it('datagrams of 20 kB, in fragments', async () => {
      const all = { received: 5, intact: 5 };
      for (const [from, to] of ways)
        assert.deepEqual(await sendDatagrams(from.pod, to.pod, { count: 5, bytes: 20_000 }), all);
    });

    it('UDP-GSO', async () => {
      const all = { received: 80, intact: 80 };
      const sent = { count: 80, bytes: 1400, segments: 40 };
      for (const [from, to] of ways)
        assert.deepEqual(await sendDatagrams(from.pod, to.pod, sent), all);
    });

    it('IP options pass', async () => {
      const { a, b } = pair;
      const { stdout } = await a.pod.exec(['ping', '-n', '-R', '-c1', '-W1', b.pod.address]);
      assert.match(stdout, new RegExp(`RR:[\\s\\S]*${b.pod.address}`));
    });

    it('takes one from the TTL on either side, and the last hop is its end', async () => {
      const { a, b } = pair;
      const { address } = b.pod;
      const { stdout } = await a.pod.exec(['ping', '-n', '-c1', '-W1', address]);
      assert.match(stdout, / ttl=60 /);
      // The hosts take one each, and the relays; the pod has what is left.
      assert.equal(await pings(a, address, 4), 0);
      assert.equal(await pings(a, address, 5), 1);
      const before = a.running.counters().drop_ttl ?? 0;
      assert.equal(await pings(a, address, 2), 0);
      await waitFor('it is counted', () => (a.running.counters().drop_ttl ?? 0) > before);
    });

    it('says that nobody holds a subnet', async () => {
      const { stdout } = await pair.a.pod.exec(['ping', '-n', '-c1', '-W1', '10.5.99.9'], {
        mayFail: true,
      });
      assert.match(stdout, /From 10\.5\.99\.9 .*Destination Host Unreachable/);
    });

    it('killed and started again under traffic: the connection goes on', async () => {
      const { a, b } = pair;
      const target = { address: b.pod.address, port: 9001 };
      const sending = sendTcp(a.pod, b.pod, target, 100);
      await untilItFlows(b);
      await a.running.stop('SIGKILL');
      const running = await startUserRelay(a.host);
      pair = { ...pair, a: { ...a, running } };
      const { sent, received } = await sending;
      assert.deepEqual(received, sent);
    });

    it('carries on when nothing can be written any more', async () => {
      const { a, b } = pair;
      await a.running.stop();
      const script = `exec ${TARTAN} relay --bind ${a.host.address} >/dev/full`;
      await using running = a.host.start(['sh', '-c', script]);
      await waitForPing(a.pod, b.pod.address);
      assert.equal(await ping(a.pod, '10.5.99.9'), 0);
      assert.equal(await ping(a.pod, b.pod.address), 1);
      const { code, stderr } = await running.stop();
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      pair = { ...pair, a: { ...a, running: await startUserRelay(a.host) } };
    });

    it('a signal ends it at once, in the middle of traffic', async () => {
      const { a, b } = pair;
      await using server = b.pod.start(['iperf3', '-s', '-1', '--forceflush']);
      await waitFor('iperf3 listens', () => server.stdout().includes('listening'));
      await using client = a.pod.start(['iperf3', '-c', b.pod.address, '-t', '20']);
      await untilItFlows(b);
      const started = performance.now();
      const { code, stderr } = await a.running.stop();
      assert(performance.now() - started < 1000 * PATIENCE, 'at once');
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.equal(a.running.events().at(-1)?.type, 'stopped');
      await client.stop();
    });
  });
}

function titleOf(other: RelayKind): string {
  return other === 'tartan' ? 'at both ends' : "and flannel's kind at the other end";
}

async function pings(from: Party, address: string, ttl: number): Promise<number> {
  const { code } = await from.pod.exec(['ping', '-n', '-c1', '-W1', '-t', `${ttl}`, address], {
    mayFail: true,
  });
  return code === 0 ? 1 : 0;
}

/** From now on. */
async function untilItFlows(to: Party): Promise<void> {
  const before = await bytesInto(to);
  await waitFor('it flows', async () => (await bytesInto(to)) > before + 1_000_000);
}

async function bytesInto({ host }: Party): Promise<number> {
  const { stdout } = await host.exec(['ip', '-s', '-json', 'link', 'show', 'pod1']);
  const [link] = JSON.parse(stdout) as { stats64: { tx: { bytes: number } } }[];
  return link?.stats64.tx.bytes ?? 0;
}
