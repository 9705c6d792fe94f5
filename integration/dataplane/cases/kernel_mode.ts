/** What hosts without programs carry: the same packets, without counters and checks. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { namespacesOf } from '../../../lab/names.ts';
import { processesIn } from '../../../lab/proc.ts';
import { ping } from '../../../lab/traffic.ts';
import { build } from '../forge.ts';
import { join, type Network } from '../network.ts';
import { ECN } from '../packets.ts';
import { sendRaw } from '../raw.ts';
import type { Row } from '../rows.ts';
import { sendDatagrams, sendTcp, startTcpProxy } from '../senders.ts';
import { readSnmp } from '../snmp.ts';

const IP_AND_ICMP = 28;
const IP_AND_UDP = 28;

export function kernelMode(network: () => Network, row: Row): void {
  const underlayMtu = row.options.mtu ?? 1500;

  it('join says so, again changes nothing, and leaves no process of its own', async () => {
    const { lab, members } = network();
    for (const { host, subnet } of members) {
      const { mode, modeReason, peers, changed, ...report } = await join(host);
      assert.deepEqual(
        { mode, modeReason, peers, changed, subnet: report.subnet },
        { mode: row.carrier.mode, modeReason: null, peers: 2, changed: false, subnet },
      );
    }
    const relays = row.carrier.hasRelay ? members.length : 0;
    assert.equal(processesIn(namespacesOf(lab.name)).length, relays);
  });

  it('host → remote pod, pod → remote host, host → host, over overlay addresses', async () => {
    const { a, b } = network();
    for (const [from, to] of [
      [a.host, b.pod.address],
      [a.pod, b.overlayAddress],
      [a.pod, b.gateway],
      [a.host, b.overlayAddress],
    ] as const) {
      assert.equal(await ping(from, to, { count: 3 }), 3, `${from.namespace} → ${to}`);
    }
  });

  it('the largest packet with DF passes', async () => {
    const { a, b } = network();
    assert.equal(a.mtu, underlayMtu - row.carrier.overhead);
    const size = a.mtu - IP_AND_ICMP;
    assert.equal(await ping(a.pod, b.pod.address, { size, dontFragment: true, count: 3 }), 3);
  });

  it('datagrams of 20 kB, TCP both ways at once, and UDP-GSO arrive whole', async () => {
    const { a, b, c } = network();
    const { fragmented = 50, segmented = 2000 } = row.carrier.atOnce ?? {};
    const large = await sendDatagrams(a.pod, c.pod, { count: fragmented, bytes: 20_000 });
    assert.deepEqual(large, { received: fragmented, intact: fragmented });
    const ways = [
      [a, b],
      [b, a],
    ] as const;
    await Promise.all(
      ways.map(async ([from, to]) => {
        const address = { address: to.pod.address, port: 9000 };
        const { sent, received } = await sendTcp(from.pod, to.pod, address, 50);
        assert.deepEqual(received, sent);
      }),
    );
    const bytes = a.mtu - IP_AND_UDP;
    const segments = Math.floor(60_000 / bytes);
    const cut = await sendDatagrams(a.pod, b.pod, { count: segmented, bytes, segments });
    assert.deepEqual(cut, { received: segmented, intact: segmented });
  });

  if (row.scope === 'sizes') return;

  it('traceroute shows each host once', async () => {
    const { a, c } = network();
    const { stdout } = await a.pod.exec(['traceroute', '-n', '-q', '1', '-w', '2', c.pod.address]);
    const hops = [...stdout.matchAll(/^ *\d+ {2}(\S+)/gm)].map(([, hop]) => hop);
    const silent = Array(row.carrier.silentHops ?? 0).fill('*');
    assert.deepEqual(hops, [a.gateway, ...silent, c.speaksFrom, c.pod.address], stdout);
  });

  it('a pod that proxies connects two others', async () => {
    const { a, b, c } = network();
    await using _ = await startTcpProxy(b.pod, 9001, { address: c.pod.address, port: 9000 });
    const to = { address: b.pod.address, port: 9001 };
    const { sent, received } = await sendTcp(a.pod, c.pod, to, 20, 9000);
    assert.deepEqual(received, sent);
  });

  it('an unresolved neighbour costs no packet', async () => {
    const { lab, a, c } = network();
    const nodes = lab.topology.nodes.map(({ name }) => name);
    // Permanent entries are not among those that a flush takes.
    await Promise.all(nodes.map((name) => lab.node(name).exec(['ip', 'neigh', 'flush', 'all'])));
    assert.equal(await ping(a.pod, c.pod.address), 1);
  });

  // Without a tunnel there are no marks but the pods' own.
  if (!row.carrier.tunnel?.takesMarks) return;

  it('congestion that the underlay marked reaches the pod (RFC 6040)', async () => {
    const { b, c } = network();
    const before = readSnmp(b.pod);
    const forgery = { from: c.host.address, to: b, source: c.pod.address };
    const marks = { innerEcn: ECN.capable, outerEcn: ECN.congested };
    sendRaw(c.host, [build(row.carrier, { ...forgery, ...marks })]);
    assert.equal(await ping(c.pod, b.pod.address), 1);
    const after = readSnmp(b.pod);
    assert.equal(after('IpExt.InCEPkts') - before('IpExt.InCEPkts'), 1);
  });
}
