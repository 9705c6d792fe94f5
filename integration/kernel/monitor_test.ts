/** News of the host for one member of a network, from real namespaces. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../../lab/host.ts';
import { enterNamespace, inNamespace } from '../../lab/in_namespace.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitFor } from '../../lab/ready.ts';
import { withPinned } from '../../src/bpf/bpffs.ts';
import { readLinks } from '../../src/bpf/links.ts';
import type { HostChange } from '../../src/kernel/contract.ts';
import { hostMonitor } from '../../src/kernel/monitor.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import { detachLink } from '../../src/sys/bpf_links.ts';
import { type Member, memberAt, NETWORK } from './member.ts';
import { missing, needsTcx } from './requirements.ts';
import { DEVICE, desiredOf } from './samples.ts';

/** That nothing comes can only be told by waiting. */
const QUIET_MILLISECONDS = 150;

describe('the host monitor', { skip: missing() }, () => {
  let lab: Lab;
  let a: Host;
  let member: Member;
  before(async () => {
    lab = await createLab({ name: 'kernelmonitor', underlay: 'pair', pods: 0 });
    a = lab.host('a');
    await a.shell('ip link add port0 type bridge');
    member = memberAt(a);
    await member.converge(desiredOf(a));
  });
  after(() => lab?.destroy());
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  /** What is told on host a, and how often it yields what concerns. */
  async function listen(concerns: (change: HostChange) => boolean = () => true) {
    const changes: HostChange[] = [];
    const stopping = new AbortController();
    const seen = { yields: 0, ended: false };
    const watchHost = hostMonitor({ network: NETWORK, bpffs: a.bpffs, signal: stopping.signal });
    const news = watchHost({
      concerns(change) {
        changes.push(change);
        return concerns(change);
      },
      neighbors: true,
    })[Symbol.asyncIterator]();
    const begin = () => {
      using _ = enterNamespace(a);
      return news.next();
    };
    const first = begin();
    const reading = (async () => {
      for (let next = await first; next.done !== true; next = await news.next()) seen.yields += 1;
      seen.ended = true;
    })();
    const stop = async () => {
      stopping.abort();
      await reading;
    };
    stops.push(stop);
    const told = (change: HostChange) =>
      waitFor(`${describeChange(change)} among ${changes.map(describeChange).join('; ')}`, () =>
        changes.some((one) => describeChange(one) === describeChange(change)),
      );
    await told({ of: 'anything' });
    changes.length = 0;
    return { changes, seen, told, stop };
  }

  it('tells of links by name, and of what they were called before', async () => {
    const { told } = await listen();
    await a.shell('ip link add port1 type bridge; ip link set port1 name port2');
    await told({ of: 'link', device: 'port1', before: '', formerMac: null });
    await told({ of: 'link', device: 'port2', before: 'port1', formerMac: null });
    await a.shell('ip link set port2 address 02:00:00:00:00:05');
    await a.shell('ip link set port2 address 02:00:00:00:00:06; ip link delete port2');
    await told({ of: 'link', device: 'port2', before: 'port2', formerMac: '02:00:00:00:00:05' });
    await told({ of: 'link', device: 'port2', before: 'port2', formerMac: null });
  });

  it('tells of addresses and main routes, whose they are, and where', async () => {
    const { changes, told } = await listen();
    const at = (destination: string, rest: object) => ({
      ...{ of: 'route', device: 'eth0', destination, ours: false, gone: false },
      ...rest,
    });
    await a.shell(`ip address add 10.44.0.1/32 dev port0
      ip route add 10.45.0.0/16 dev eth0
      ip route add 10.46.0.0/16 dev eth0 proto 116
      ip route add 10.47.0.0/16 dev eth0 table 77
      ip route delete 10.45.0.0/16; ip route delete 10.46.0.0/16
      ip address delete 10.44.0.1/32 dev port0`);
    await waitFor('all routes', () => changes.filter(({ of }) => of === 'route').length >= 4);
    const routes = changes.flatMap((change) =>
      change.of === 'route' ? [{ ...change, destination: formatPrefix(change.destination) }] : [],
    );
    assert.deepEqual(routes, [
      at('10.45.0.0/16', {}),
      at('10.46.0.0/16', { ours: true }),
      at('10.45.0.0/16', { gone: true }),
      at('10.46.0.0/16', { ours: true, gone: true }),
    ]);
    await told({ of: 'address', device: 'port0', address: (10 << 24) + (44 << 16) + 1 });
  });

  it('tells of filters, neighbours and VNIs of devices', async () => {
    const { told } = await listen();
    await a.shell('tc qdisc add dev port0 clsact; tc qdisc delete dev port0 clsact');
    await told({ of: 'traffic', device: 'port0' });
    await a.shell(`ip link set port0 up
      ip neigh add 10.9.9.9 lladdr 02:00:00:00:00:01 dev port0; ip neigh delete 10.9.9.9 dev port0`);
    await told({ of: 'neighbor', device: 'port0', gone: true });
    await a.shell(`bridge vni add dev ${DEVICE} vni 77; bridge vni delete dev ${DEVICE} vni 77`);
    await told({ of: 'traffic', device: DEVICE });
  });

  it('tells of our table of nftables, of chains that NAT, and of others as others', async () => {
    const { told } = await listen();
    await member.apply({ op: 'filter.write', text: 'chain c {}' });
    await told({ of: 'filter', ours: true, nat: false });
    await member.apply({ op: 'filter.remove' });
    await a.shell('nft add table ip other; nft add chain ip other plain');
    await told({ of: 'filter', ours: false, nat: false });
    await a.shell("nft 'add chain ip other source { type nat hook postrouting priority 100; }'");
    await told({ of: 'filter', ours: false, nat: true });
    await a.shell('nft delete table ip other');
  });

  it('tells of a pin that is removed, and of a link that is detached', needsTcx, async () => {
    const { changes, told } = await listen();
    const [generation = ''] = (await member.observe()).generations.keys();
    rmSync(join(member.pins.generation(generation), 'peers'));
    await told({ of: 'pins' });
    changes.length = 0;
    const [link] = readLinks(member.pins);
    withPinned(member.pins.link(link?.name ?? ''), detachLink);
    await told({ of: 'pins' });
    await member.converge(desiredOf(a));
  });

  it('says when it was told more than it could take', async () => {
    const { changes, seen, told } = await listen(({ of }) => of === 'anything');
    await waitFor('the first', () => seen.yields === 1);
    const lines = Array.from(
      { length: 20_000 },
      (_, at) => `172.${16 + (at >> 12)}.${(at >> 4) & 255}.${(at & 15) << 4}/28`,
    );
    const batch = (verb: string) =>
      inNamespace(a, () =>
        execFileSync('ip', ['-batch', '-'], {
          input: lines.map((net) => `route ${verb} ${net} dev eth0\n`).join(''),
        }),
      );
    // Nothing is read in between: this thread waits for the command.
    batch('add');
    await told({ of: 'anything' });
    await waitFor('the second', () => seen.yields === 2);
    batch('delete');
    await waitFor('the third', () => seen.yields === 3);
    // What comes afterwards is told as ever.
    changes.length = 0;
    await a.shell('ip link add port3 type bridge; ip link delete port3');
    await told({ of: 'link', device: 'port3', before: 'port3', formerMac: null });
  });

  it('yields once for many changes, for nothing that is of no concern, and ends by the signal', async () => {
    const { seen, stop } = await listen(
      (change) => change.of === 'anything' || (change.of === 'link' && change.device === 'port0'),
    );
    await waitFor('the first', () => seen.yields === 1);
    await a.shell('ip link set port0 mtu 1300; ip link set port0 mtu 1400; ip link set port0 down');
    await waitFor('the second', () => seen.yields >= 2);
    await delay(QUIET_MILLISECONDS);
    const { yields } = seen;
    assert(yields <= 3, `${yields} times`);
    await a.shell(
      'ip link add port4 type bridge; ip link delete port4; ip route add 10.9.9.9 dev eth0',
    );
    await delay(QUIET_MILLISECONDS);
    assert.equal(seen.yields, yields);
    await stop();
    assert.equal(seen.ended, true);
  });
});

function describeChange(change: HostChange): string {
  const { of, ...rest } = change;
  const words = Object.entries(rest).map(([key, value]) => `${key} ${describeValue(key, value)}`);
  return [of, ...words].join(' ');
}

function describeValue(key: string, value: unknown): string {
  if (key === 'address') return formatIpv4(value as number);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
