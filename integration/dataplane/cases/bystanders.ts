/** Whatever else is on the underlay goes on as before. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ping } from '../../../lab/traffic.ts';
import { countDuring } from '../meter.ts';
import type { Network } from '../network.ts';
import { ipv4, udp } from '../packets.ts';
import { sendRaw } from '../raw.ts';
import type { Row } from '../rows.ts';
import { sendDatagrams, sendTcp } from '../senders.ts';
import { readSnmp } from '../snmp.ts';

export function bystanders(network: () => Network, { carrier: { tunnel } }: Row): void {
  it('pings with options, pings in fragments, UDP and TCP between hosts and strangers', async () => {
    const { a, b, stranger } = network();
    const counted = await countDuring(network(), async () => {
      const { stdout } = await a.host.exec(['ping', '-n', '-R', '-c', '1', b.host.address]);
      assert.match(stdout, /1 received/);
      for (const size of [4000, 20_000]) {
        assert.equal(await ping(a.host, b.host.address, { size, dontFragment: false }), 1);
        assert.equal(await ping(a.host, stranger.address, { size, dontFragment: false }), 1);
      }
      for (const segments of [1, 20]) {
        const to = { ...b.host, address: b.host.address };
        const { intact } = await sendDatagrams(a.host, to, { count: 200, bytes: 1400, segments });
        assert.equal(intact, 200);
      }
      const to = { address: b.host.address, port: 9000 };
      const { sent, received } = await sendTcp(a.host, b.host, to, 20);
      assert.deepEqual(received, sent);
    });
    assert.deepEqual(counted, {});
  });

  // Without a tunnel there is no port of ours.
  if (tunnel === null) return;

  const { counter, isLeftToHost } = tunnel.stray;
  it(`UDP to our port that is no tunnel of ours is ${isLeftToHost ? 'left to the host, and counted' : `dropped as ${counter}`}`, async () => {
    const { b, stranger } = network();
    const before = readSnmp(b.host);
    const counted = await countDuring(network(), async () => {
      const payload = udp(40_000, tunnel.port, Buffer.alloc(64, 0xff));
      const packet = ipv4({ source: stranger.address, destination: b.host.address, payload });
      sendRaw(stranger.namespace, [packet, packet, packet]);
      assert.equal(await ping(stranger.namespace, b.host.address), 1);
    });
    assert.deepEqual(counted, { b: { other: { [counter]: 3 } } });
    assert.equal(readSnmp(b.host)('Ip.InReceives') - before('Ip.InReceives'), isLeftToHost ? 4 : 1);
  });
}
