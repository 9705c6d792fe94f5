/** FastPath over real namespaces: what goes past the host, what does not, and why. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mostTelling } from '../../../lab/patience.ts';
import { attachPods, hostDevice } from '../../../lab/pod.ts';
import { ping } from '../../../lab/traffic.ts';
import type { CounterName } from '../../../src/bpf/counters.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { exchange } from '../../carriers/tally.ts';
import { countDuring, startMeter, waitForCounts } from '../../dataplane/meter.ts';
import { type join, type Member, type Network, unheldAddress } from '../../dataplane/network.ts';
import { echoReply, ICMP, ipv4 } from '../../dataplane/packets.ts';
import { sendRaw } from '../../dataplane/raw.ts';
import { missing } from '../../dataplane/requirements.ts';
import { buildTools, sendDatagrams, sendTcp } from '../../dataplane/senders.ts';
import { readSnmp } from '../../dataplane/snmp.ts';
import { countForwarded, createFastNetwork, endpoint, readForwarded } from '../network.ts';

const skip = await missing();

const LABS = {
  'a cable each, flat': { underlay: 'flat', pods: 1 },
  'a cable each, routed': { underlay: 'routed', pods: 1 },
  'pods on a bridge, flat': { underlay: 'flat', pods: 2 },
} as const;

export function testCarriage(carrier: Carrier, labs: readonly (keyof typeof LABS)[]): void {
  before(() => skip || buildTools());
  for (const lab of mostTelling(labs)) testLab(carrier, lab);
}

function testLab(carrier: Carrier, name: keyof typeof LABS): void {
  const { pods, underlay } = LABS[name];
  describe(`${carrier.name}, ${name}`, { skip }, () => {
    let created: Network | undefined;
    const network = (): Network => created ?? assert.fail('there is no lab');
    before(async () => {
      created = await createFastNetwork({ name: 'fast', pods, underlay }, carrier);
      for (const { host } of created.members) await countForwarded(host);
    });
    after(() => created?.lab.destroy());

    it('join says fastpath, warns of the forward chain, and again changes nothing', async () => {
      const { a } = network();
      const { stdout, stderr } = await a.host.tartan(['join']);
      const { mode, changed } = JSON.parse(stdout) as Awaited<ReturnType<typeof join>>;
      assert.deepEqual({ mode, changed }, { mode: 'fastpath', changed: false });
      assert.match(stderr, /table ip seen, chain forwarded: 1 rule/);
      const { stdout: preview } = await a.host.tartan(['join', '--dry-run']);
      assert.deepEqual((JSON.parse(preview) as { ops: unknown[] }).ops, []);
    });

    it('pings, datagrams and TCP between pods go past both hosts', async () => {
      const { a, b } = network();
      const counted = await countDuring(network(), async () => {
        await pastTheHosts([a, b], async () => {
          assert.equal(await ping(a.pod, b.pod.address, { count: 10 }), 10);
        });
      });
      assert.deepEqual(counted, exchange('a', 'b', 10));
      await pastTheHosts([a, b], async () => {
        const { intact } = await sendDatagrams(a.pod, b.pod, { count: 200, bytes: 1400 });
        assert.equal(intact, 200);
        const to = { address: b.pod.address, port: 9000 };
        const { sent, received } = await sendTcp(a.pod, b.pod, to, 100);
        assert.deepEqual(received, sent);
      });
    });

    it('datagrams in fragments arrive, past both hosts', async () => {
      const { a, b } = network();
      await pastTheHosts([a, b], async () => {
        const { intact } = await sendDatagrams(a.pod, b.pod, { count: 50, bytes: 20_000 });
        assert.equal(intact, 50);
      });
    });

    it('each host takes one hop, and traceroute shows both', async () => {
      const { a, c } = network();
      const { stdout: ttl } = await a.pod.exec(['ping', '-n', '-c', '1', c.pod.address]);
      assert.match(ttl, / ttl=62 /);
      const meter = startMeter(network());
      const argv = ['traceroute', '-n', '-q', '1', '-w', '2', '-N', '1', c.pod.address];
      const { stdout } = await a.pod.exec(argv);
      const hops = [...stdout.matchAll(/^ *\d+ {2}(\S+)/gm)].map(([, hop]) => hop);
      assert.deepEqual(hops, [a.gateway, c.speaksFrom, c.pod.address], stdout);
      const { a: first, c: last } = meter.read();
      // Where hosts have no address of the network, the answer of one comes from outside.
      const answer = carrier.device === null ? { host_outside: 1 } : {};
      assert.deepEqual([first?.other, last?.other], [{ host_ttl: 1, ...answer }, { host_ttl: 1 }]);
    });

    it('over the MTU with DF: the host says so, and the packet goes nowhere', async () => {
      const { a, b } = network();
      const widen = async (mtu: number) => {
        await a.host.exec(['ip', 'link', 'set', hostDevice(0), 'mtu', `${mtu}`]);
        if (pods > 1) await a.host.exec(['ip', 'link', 'set', 'cni0', 'mtu', `${mtu}`]);
        await a.pod.exec(['ip', 'link', 'set', 'eth0', 'mtu', `${mtu}`]);
      };
      await widen(a.mtu + 500);
      try {
        const size = `${a.mtu + 1 - 28}`;
        const argv = ['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', size, b.pod.address];
        const counted = await countDuring(network(), async () => {
          const { stdout } = await a.pod.exec(argv, { mayFail: true });
          const said = `From ${a.gateway} .*Frag needed and DF set \\(mtu = ${a.mtu}\\)`;
          assert.match(stdout, new RegExp(said));
        });
        assert.deepEqual(counted, { a: { other: { host_size: 1 } } });
        // Without DF the host makes fragments of it.
        await a.pod.exec(['ip', 'route', 'flush', 'cache']);
        const whole = { size: a.mtu + 100, dontFragment: false };
        assert.equal(await ping(a.pod, b.pod.address, whole), 1);
      } finally {
        await widen(a.mtu);
        await a.pod.exec(['ip', 'route', 'flush', 'cache']);
      }
    });

    it('IP options go through both hosts, and arrive', async () => {
      const { a, b } = network();
      const counted = await countDuring(network(), async () => {
        const { stdout } = await a.pod.exec(['ping', '-n', '-R', '-c', '1', b.pod.address]);
        assert.match(stdout, /1 received/);
      });
      assert.deepEqual(
        [reasons(counted, 'a'), reasons(counted, 'b')],
        [{ host_options: 2 }, { host_options: 2 }],
      );
    });

    it('an unresolved neighbour costs no packet', async () => {
      const { lab, a, c } = network();
      const nodes = [...lab.topology.nodes.map((node) => node.name), a.pod.name, c.pod.name];
      const flush = ['ip', 'neigh', 'flush', 'all', 'nud', 'all'];
      await Promise.all(nodes.map((node) => lab.node(node).exec(flush)));
      await pastTheHosts([a, c], async () => {
        assert.equal(await ping(a.pod, c.pod.address), 1);
      });
    });

    it('an endpoint with a source that is not its own is dropped, wherever it sends', async () => {
      const { a, b } = network();
      const payload = echoReply(Buffer.from('not mine'));
      const sources = [b.pod.address, unheldAddress(network()), a.gateway, '198.51.100.7'];
      for (const source of sources) {
        for (const to of [b.pod.address, a.host.address]) {
          const meter = startMeter(network());
          const before = readSnmp(b.pod);
          sendRaw(a.pod, [ipv4({ source, destination: to, protocol: ICMP, payload })]);
          await waitForCounts(meter, { a: { other: { drop_endpoint_source: 1 } } });
          assert.equal(readSnmp(b.pod)('Ip.InReceives'), before('Ip.InReceives'));
        }
      }
    });

    it('hosts, and what is not in the overlay, are reached as ever', async () => {
      const { a, b } = network();
      assert.equal(await ping(a.pod, a.gateway), 1);
      assert.equal(await ping(a.pod, b.overlayAddress), 1);
      assert.equal(await ping(a.pod, b.gateway), 1);
      assert.equal(await ping(b.host, a.pod.address), 1);
      const { stdout } = await a.pod.exec(
        ['ping', '-n', '-c', '1', '-W', '2', unheldAddress(network())],
        { mayFail: true },
      );
      // Without a device of the overlay, the host's other routes lead nowhere.
      assert.equal(/Destination Host Unreachable/.test(stdout), carrier.device !== null);
    });

    if (pods > 1) {
      it('pods of one host reach each other by the bridge', async () => {
        const [first, second] = network().a.host.pods;
        assert(first && second);
        const counted = await countDuring(network(), async () => {
          assert.equal(await ping(first, second.address, { count: 3 }), 3);
        });
        assert.deepEqual(counted, {});
      });
    }

    it('hosts of all kinds mix: an endpoint, an ordinary pod, FastPath switched off', async () => {
      const { a, b, c } = network();
      for (const index of c.host.pods.keys()) {
        await endpoint(c.host, 'remove', hostDevice(index));
      }
      const seen = await readForwarded(c.host);
      for (const { pod } of [a, b]) {
        assert.equal(await ping(pod, c.pod.address, { count: 5 }), 5);
        const to = { address: c.pod.address, port: 9000 };
        const { sent, received } = await sendTcp(pod, c.pod, to, 20);
        assert.deepEqual(received, sent);
      }
      assert((await readForwarded(c.host)) > seen, 'an ordinary pod is served by the host');
    });

    it('a pod that has sent nothing yet gets its first packet by the host', async () => {
      const { a, b } = network();
      await attachPods(b.host);
      for (const [index, { address }] of b.host.pods.entries()) {
        await endpoint(b.host, 'add', hostDevice(index), address);
      }
      // Neither ARP nor anything else has been sent by it.
      const meter = startMeter(network());
      assert.equal(await ping(a.pod, b.pod.address), 1);
      assert.deepEqual(reasons(meter.read(), 'b'), { host_unknown_mac: 1 });
      await pastTheHosts([a, b], async () => {
        assert.equal(await ping(a.pod, b.pod.address, { count: 3 }), 3);
      });
    });

    it('teardown leaves nothing of it', async () => {
      const { a } = network();
      await a.host.tartan(['teardown']);
      const { stdout } = await a.host.shell(
        `find ${a.host.stateDir} ${a.host.bpffs} -mindepth 1 2>/dev/null || true`,
      );
      assert.equal(stdout, '');
    });
  });
}

function reasons(counted: ReturnType<ReturnType<typeof startMeter>['read']>, host: string) {
  return (counted[host]?.other ?? {}) as Partial<Record<CounterName, number>>;
}

/** That no packet of it passes the hosts' forward hooks, and none is left to the host. */
async function pastTheHosts(
  members: readonly Member[],
  action: () => Promise<void>,
): Promise<void> {
  const before = await Promise.all(members.map(({ host }) => readForwarded(host)));
  const meter = startMeter({ members });
  await action();
  assert.deepEqual(await Promise.all(members.map(({ host }) => readForwarded(host))), before);
  const counted = meter.read();
  for (const { name } of members) assert.deepEqual(reasons(counted, name), {}, name);
}
