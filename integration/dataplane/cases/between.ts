/** Hosts and pods that stand in the middle: hops, proxies, routers, and nobody at all. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { waitFor } from '../../../lab/ready.ts';
import { ping } from '../../../lab/traffic.ts';
import { countDuring, startMeter } from '../meter.ts';
import { type Network, unheldAddress } from '../network.ts';
import type { Row } from '../rows.ts';
import { sendTcp, startTcpProxy } from '../senders.ts';
import { readSnmp } from '../snmp.ts';

const MEGABYTES = 20;

export function between(network: () => Network, row: Row): void {
  const { carrier } = row;
  it('traceroute shows each host once', async () => {
    const { a, c } = network();
    const { stdout } = await a.pod.exec(['traceroute', '-n', '-q', '1', '-w', '2', c.pod.address]);
    const hops = [...stdout.matchAll(/^ *\d+ {2}(\S+)/gm)].map(([, hop]) => hop);
    assert.deepEqual(hops, [a.gateway, c.speaksFrom, c.pod.address], stdout);
  });

  it('a pod that proxies connects two others', async () => {
    const { a, b, c } = network();
    await using _ = await startTcpProxy(b.pod, 9001, { address: c.pod.address, port: 9000 });
    const to = { address: b.pod.address, port: 9001 };
    const { sent, received } = await sendTcp(a.pod, c.pod, to, MEGABYTES, 9000);
    assert.deepEqual(received, sent);
  });

  it('a pod that routes sends on what was decapsulated, by the kernel’s device where it must', async () => {
    const { a, b, c } = network();
    // The way back is through the same pod, as its address is the source.
    await b.pod.shell(`
      echo 1 >/proc/sys/net/ipv4/ip_forward
      nft -f - <<'END'
table ip router {
  chain before { type nat hook prerouting priority dstnat; tcp dport 9002 dnat to ${c.pod.address}:9000; }
  chain after { type nat hook postrouting priority srcnat; masquerade; }
}
END`);
    try {
      const meter = startMeter(network());
      const to = { address: b.pod.address, port: 9002 };
      const { sent, received } = await sendTcp(a.pod, c.pod, to, MEGABYTES, 9000);
      assert.deepEqual(received, sent);
      // The last packets may be on their way.
      await waitFor('what left one end has arrived at the other', () => {
        const { a: first, b: middle, c: last } = meter.read();
        return middle?.sent?.c === last?.received?.b && middle?.sent?.a === first?.received?.b;
      });
      const counted = meter.read();
      assert.deepEqual(Object.keys(counted.b?.other ?? {}), carrier.programs?.sentOn ?? []);
      assert.deepEqual([counted.a?.other, counted.c?.other], [undefined, undefined]);
    } finally {
      await b.pod.shell('nft delete table ip router; echo 0 >/proc/sys/net/ipv4/ip_forward');
    }
  });

  if (carrier.device === null) toNobodyByOtherRoutes(network);
  else toNobodyByTheOverlay(network, row);
}

/** The whole network is routed into the overlay. */
function toNobodyByTheOverlay(network: () => Network, { carrier }: Row): void {
  it('nobody holds the subnet: the pod is told, and the drop is counted', async () => {
    const { a } = network();
    const address = unheldAddress(network());
    const counted = await countDuring(network(), async () => {
      const argv = ['ping', '-n', '-c', '1', '-W', '2', address];
      const { stdout, code } = await a.pod.exec(argv, { mayFail: true });
      assert.equal(code, 1);
      const vtep = address.replace(/\.7$/, '.0');
      assert.match(stdout, new RegExp(`From ${vtep} .*Destination Host Unreachable`));
    });
    const told = { a: { other: { drop_no_peer: 1, answer_unreachable: 1 } } };
    assert.deepEqual(counted, carrier.programs === null ? {} : told);
  });

  it('nobody holds the subnet: a connection fails at once', async () => {
    const { a } = network();
    const script = `require('node:net').connect({ host: '${unheldAddress(network())}', port: 80 }).on('error', ({ code }) => console.log(code))`;
    const { stdout } = await a.pod.exec([process.execPath, '-e', script], { limitSeconds: 5 });
    assert.match(stdout, /EHOSTUNREACH/);
    assert.equal(await ping(a.pod, network().c.pod.address), 1);
  });
}

/** Nothing but the peers' subnets has a route of ours. */
function toNobodyByOtherRoutes(network: () => Network): void {
  it('nobody holds the subnet: it goes where the host’s other routes lead', async () => {
    const { a, stranger } = network();
    const before = readSnmp(stranger.namespace);
    const counted = await countDuring(network(), async () => {
      assert.equal(await ping(a.pod, unheldAddress(network())), 0);
    });
    const after = readSnmp(stranger.namespace);
    // The host's gateway, which forwards nothing.
    assert.equal(after('Ip.InAddrErrors') - before('Ip.InAddrErrors'), 1);
    assert.deepEqual(counted, {});
  });
}
