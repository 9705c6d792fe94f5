/** Every packet is carried, and counted once at each end where our programs see it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { namespacesOf } from '../../../lab/names.ts';
import { processesIn } from '../../../lab/proc.ts';
import { ping } from '../../../lab/traffic.ts';
import { exchange, exchangeWithHosts, tally } from '../../carriers/tally.ts';
import { countDuring } from '../meter.ts';
import { join, type Network } from '../network.ts';
import type { Row } from '../rows.ts';
import { sendDatagrams } from '../senders.ts';

const COUNT = 20;

export function carriage(network: () => Network, { carrier }: Row): void {
  it('join has ended and left no process, and packets flow', async () => {
    const { lab, a, c } = network();
    assert.deepEqual(processesIn(namespacesOf(lab.name)), []);
    assert.equal(await ping(a.pod, c.pod.address), 1);
    assert.deepEqual(processesIn(namespacesOf(lab.name)), []);
  });

  it('join says how packets are carried, and again changes nothing', async () => {
    for (const { host, subnet } of network().members) {
      const { mode, peers, changed, ...report } = await join(host);
      assert.deepEqual(
        { mode, peers, changed, subnet: report.subnet, publicIp: report.publicIp },
        {
          mode: carrier.mode,
          peers: 2,
          changed: false,
          subnet,
          publicIp: host.address,
        },
      );
    }
  });

  it('each ping and each answer counts once at each end, and nothing else', async () => {
    const { a, b, c } = network();
    const counted = await countDuring(network(), async () => {
      const ways = [
        [a, b],
        [b, c],
        [c, a],
      ] as const;
      await Promise.all(
        ways.map(async ([from, to]) => {
          assert.equal(await ping(from.pod, to.pod.address, { count: COUNT }), COUNT);
        }),
      );
    });
    const both = (one: string, other: string) => ({
      sent: { [one]: COUNT, [other]: COUNT },
      received: { [one]: COUNT, [other]: COUNT },
    });
    const all = { a: both('b', 'c'), b: both('a', 'c'), c: both('a', 'b') };
    assert.deepEqual(counted, tally(carrier, all));
  });

  it('a burst of UDP counts once at each end', async () => {
    const { a, b } = network();
    const counted = await countDuring(network(), async () => {
      const { intact } = await sendDatagrams(a.pod, b.pod, { count: 500, bytes: 1000 });
      assert.equal(intact, 500);
    });
    const burst = { a: { sent: { b: 500 } }, b: { received: { a: 500 } } };
    assert.deepEqual(counted, tally(carrier, burst));
  });

  it('host → remote pod, pod → remote host, host → host, over overlay addresses', async () => {
    const { a, b } = network();
    const ways = [
      { from: a.host, to: b.pod.address, isToPod: true },
      { from: a.pod, to: b.overlayAddress, isFromPod: true },
      { from: a.pod, to: b.gateway, isFromPod: true },
      { from: a.host, to: b.overlayAddress },
    ];
    for (const { from, to, isFromPod = false, isToPod = false } of ways) {
      const counted = await countDuring(network(), async () => {
        assert.equal(await ping(from, to, { count: 3 }), 3, `${from.namespace} → ${to}`);
      });
      const [one, other] = [
        { name: 'a', isPod: isFromPod },
        { name: 'b', isPod: isToPod },
      ];
      const expected = exchangeWithHosts(carrier, one, other, 3);
      assert.deepEqual(counted, expected, `${from.namespace} → ${to}`);
    }
  });
}

export function unresolved(network: () => Network, { carrier }: Row): void {
  it('an unresolved neighbour costs no packet', async () => {
    const { lab, a, c } = network();
    const nodes = [...lab.topology.nodes.map(({ name }) => name), 'a-pod1', 'c-pod1'];
    await Promise.all(
      nodes.map((name) => lab.node(name).exec(['ip', 'neigh', 'flush', 'all', 'nud', 'all'])),
    );
    const counted = await countDuring(network(), async () => {
      assert.equal(await ping(a.pod, c.pod.address), 1);
    });
    assert.deepEqual(counted, tally(carrier, exchange('a', 'c', 1)));
  });
}
