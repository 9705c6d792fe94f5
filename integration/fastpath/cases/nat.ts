/** What the host NATs keeps working while FastPath is on: rules as kube-proxy writes them, in nftables. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../../lab/host.ts';
import { mostTelling } from '../../../lab/patience.ts';
import { ping } from '../../../lab/traffic.ts';
import type { JoinReport } from '../../../src/agent/join.ts';
import { readSettingsStruct } from '../../../src/bpf/settings.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { countDuring, openMapsOf } from '../../dataplane/meter.ts';
import type { Member, Network } from '../../dataplane/network.ts';
import { missing } from '../../dataplane/requirements.ts';
import { createFastNetwork } from '../network.ts';
import { ask, PROTOCOLS, startServer } from '../talk.ts';

const SERVICE = '10.96.0.10';
const PORT = 80;
const NODE_PORT = 30080;
const TARGET_PORT = 9000;

/** The kernel's types and those of its module, if it is one: where the look-up is named. */
const TYPES = ['/sys/kernel/btf/vmlinux', '/sys/kernel/btf/nf_conntrack'];

const skip = await missing();

type Underlay = 'flat' | 'routed';

export function testNat(carrier: Carrier, underlays: readonly Underlay[]): void {
  for (const underlay of mostTelling(underlays)) testOn(carrier, underlay);
}

function testOn(carrier: Carrier, underlay: Underlay): void {
  describe(`NAT on the hosts, ${carrier.name}, ${underlay}`, { skip }, () => {
    let created: Network | undefined;
    const network = (): Network => created ?? assert.fail('there is no lab');
    before(async () => {
      created = await createFastNetwork({ name: 'fastnat', underlay }, carrier);
    });
    after(() => created?.lab.destroy());

    it('without NAT rules no flow is looked up', async () => {
      const { a, b } = network();
      assert.equal(looksUp(a.host), false);
      assert.deepEqual(
        (await countDuring(network(), () => ping(a.pod, b.pod.address))).a?.other,
        undefined,
      );
    });

    it('with them, join takes it up, and pings go through the host', async () => {
      const { a, b, c } = network();
      for (const { host } of [a, b, c]) {
        await addServices(host, [b.pod.address, c.pod.address]);
        const { mode, changed } = await joinLoudly(host);
        assert.deepEqual([mode, changed, looksUp(host)], ['fastpath', true, true]);
      }
      const counted = await countDuring(network(), async () => {
        assert.equal(await ping(a.pod, b.pod.address, { count: 3 }), 3);
      });
      assert.deepEqual(counted.a?.other, { host_untracked: 6 });
    });

    for (const protocol of PROTOCOLS) {
      it(`${protocol}: pod → pod goes the fast way, and is seen as it is`, async () => {
        const { a, b } = network();
        await using _ = await serveIn(b);
        const counted = await countDuring(network(), async () => {
          const to = { address: b.pod.address, port: TARGET_PORT };
          assert.deepEqual(await ask(a.pod, protocol, to), { by: 'b', seen: a.pod.address });
        });
        assert.deepEqual([counted.a?.other, counted.b?.other], [undefined, undefined]);
      });

      it(`${protocol}: pod → service → pods of two other hosts, chosen at random`, async () => {
        const { a, b, c } = network();
        await using _b = await serveIn(b);
        await using _c = await serveIn(c);
        const answeredBy = new Set<string>();
        const counted = await countDuring(network(), async () => {
          for (let tries = 0; answeredBy.size < 2 && tries < 40; tries += 1) {
            const { by, seen } = await ask(a.pod, protocol, { address: SERVICE, port: PORT });
            assert.equal(seen, a.pod.address);
            answeredBy.add(by);
          }
        });
        assert.deepEqual([...answeredBy].sort(), ['b', 'c']);
        // The replies: the host must turn them back. At the other end nothing is NAT-ed.
        assert.deepEqual(Object.keys(counted.a?.other ?? {}), ['host_nat']);
        assert.deepEqual([counted.b?.other, counted.c?.other], [undefined, undefined]);
      });

      it(`${protocol}: pod → service → itself, by the masquerade for hairpins`, async () => {
        const { b, c } = network();
        await using _b = await serveIn(b);
        await using _c = await serveIn(c);
        const answeredBy = new Set<string>();
        for (let tries = 0; answeredBy.size < 2 && tries < 40; tries += 1) {
          answeredBy.add((await ask(b.pod, protocol, { address: SERVICE, port: PORT })).by);
        }
        assert.deepEqual([...answeredBy].sort(), ['b', 'c']);
      });

      it(`${protocol}: host → service → pod of another host`, async () => {
        const { a, b, c } = network();
        await using _b = await serveIn(b);
        await using _c = await serveIn(c);
        const { by } = await ask(a.host, protocol, { address: SERVICE, port: PORT });
        assert(by === 'b' || by === 'c');
      });

      it(`${protocol}: outside → a host's NodePort → pod of another host`, async () => {
        const { a, b, c, stranger } = network();
        await using _b = await serveIn(b);
        await using _c = await serveIn(c);
        const to = { address: a.host.address, port: NODE_PORT };
        const { by, seen } = await ask(stranger.namespace, protocol, to);
        assert(by === 'b' || by === 'c');
        assert.equal(seen, a.speaksFrom, 'masqueraded by the host that was asked');
      });

      it(`${protocol}: pod → another host's NodePort → pod of a third host, or its own`, async () => {
        const { a, b, c } = network();
        await using _b = await serveIn(b);
        await using _c = await serveIn(c);
        const answeredBy = new Set<string>();
        for (let tries = 0; answeredBy.size < 2 && tries < 40; tries += 1) {
          const to = { address: a.host.address, port: NODE_PORT };
          answeredBy.add((await ask(b.pod, protocol, to)).by);
        }
        assert.deepEqual([...answeredBy].sort(), ['b', 'c']);
      });

      it(`${protocol}: pod → outside, masqueraded`, async () => {
        const { a, stranger } = network();
        const to = { address: stranger.address, port: 7777 };
        await using _ = await startServer(stranger.namespace, to, 'outside');
        const answer = await ask(a.pod, protocol, to);
        assert.deepEqual(answer, { by: 'outside', seen: a.host.address });
      });
    }

    it('the command nft missing or broken: what NATs is seen all the same', async () => {
      const { a } = network();
      await a.host.exec(['nft', 'delete', 'table', 'ip', 'kube']);
      assert.equal((await joinLoudly(a.host)).changed, true);
      assert.equal(looksUp(a.host), false);
      await a.host.exec([
        'nft',
        'table ip kube { chain post { type nat hook postrouting priority 100; }; }',
      ]);
      const { stderr } = await joinWithout(a.host, '$(command -v nft)');
      assert.doesNotMatch(stderr, /cannot be read/);
      assert.equal(looksUp(a.host), true);
    });

    it('a kernel without the look-up: FastPath stays off while the host NATs, and says why', async () => {
      const { a, b, c } = network();
      await addServices(a.host, [b.pod.address, c.pod.address]);
      const { stdout, stderr } = await joinWithout(a.host, ...TYPES.filter(existsSync));
      assert.equal((JSON.parse(stdout) as JoinReport).mode, 'default');
      assert.match(stderr, /FastPath stays off: the host NATs \(table ip kube of nftables\)/);
      assert.match(stderr, /no bpf_skb_ct_lookup/);
      assert.equal(await ping(a.pod, b.pod.address), 1);
      await using _b = await serveIn(b);
      await using _c = await serveIn(c);
      await ask(a.pod, 'tcp', { address: SERVICE, port: PORT });
      assert.equal((await joinLoudly(a.host)).mode, 'fastpath');
    });
  });
}

/** Answers by the host's name. */
function serveIn({ pod, name }: Member) {
  return startServer(pod, { address: pod.address, port: TARGET_PORT }, name);
}

async function joinLoudly(host: Host): Promise<JoinReport> {
  return JSON.parse((await host.tartan(['join'])).stdout) as JoinReport;
}

/** Joins where files are hidden: they can be seen, but hold nothing. */
function joinWithout(host: Host, ...paths: readonly string[]) {
  const hide = paths.map((path) => `mount --bind /dev/null ${path} && `).join('');
  return host.shell(`unshare -m sh -c "${hide}exec tartan join"`);
}

function looksUp(host: Host): boolean {
  using maps = openMapsOf(host);
  return readSettingsStruct(maps).conntrack === 1;
}

/** A service with two endpoints and a NodePort, as kube-proxy's nftables mode has them, and a masquerade to outside. */
async function addServices(host: Host, targets: readonly [string, string]): Promise<void> {
  const endpointOf = (target: string, index: number) => `
  chain endpoint-${index} {
    ip saddr ${target} meta mark set meta mark or 0x4000
    meta l4proto tcp dnat to ${target}:${TARGET_PORT}
    meta l4proto udp dnat to ${target}:${TARGET_PORT}
  }`;
  await host.exec(['nft', '-f', '-'], {
    input: `
table ip kube {
  ${targets.map(endpointOf).join('\n')}
  chain service {
    numgen random mod 2 vmap { 0 : goto endpoint-0, 1 : goto endpoint-1 }
  }
  chain external {
    meta mark set meta mark or 0x4000
    goto service
  }
  chain services {
    ip daddr ${SERVICE} meta l4proto { tcp, udp } th dport ${PORT} goto service
    fib daddr type local meta l4proto { tcp, udp } th dport ${NODE_PORT} goto external
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump services
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump services
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x4000 == 0x4000 meta mark set meta mark xor 0x4000 masquerade fully-random
    ip saddr 10.5.0.0/16 ip daddr != 10.5.0.0/16 masquerade
  }
}
`,
  });
}
