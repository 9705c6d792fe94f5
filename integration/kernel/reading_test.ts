/** What is read of the kernel by netlink is what iproute2 shows. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { enterNamespace, enterNewNamespace, inNamespace } from '../../lab/in_namespace.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { hostReader } from '../../src/kernel/host.ts';
import { type Interface, readInterfaces } from '../../src/kernel/interfaces.ts';
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts';
import { formatMac } from '../../src/net/mac.ts';
import { nameOfInterface } from '../../src/sys/interfaces.ts';
import { ipipDataOf } from '../../src/sys/rtnetlink/ipip.ts';
import { readFdb, readNeighbors } from '../../src/sys/rtnetlink/neighbors.ts';
import { readRouteRecords } from '../../src/sys/rtnetlink/routes.ts';
import { readFirstVnis } from '../../src/sys/rtnetlink/vnis.ts';
import { vxlanDataOf } from '../../src/sys/rtnetlink/vxlan.ts';
import { missing } from './requirements.ts';

/** Devices of every kind that is looked at closely, addresses of several forms, and a peer of each kind. */
const HOST = `
ip link add bridge0 type bridge
ip link add near0 type veth peer far0
ip link set near0 master bridge0 mtu 1400 up
ip link add out0 type veth peer in0 netns elsewhere
ip link add filtered0 type vxlan external vnifilter dstport 8472 gbp
ip link set filtered0 alias tartan:default arp off up
bridge vni add dev filtered0 vni 7
bridge vni add dev filtered0 vni 9
bridge vni add dev filtered0 vni 20
ip link add brücke type bridge
ip link set brücke up
ip route add 203.0.113.128/25 dev brücke
ip link add classic0 type vxlan id 70000 dev near0 local 192.0.2.1 dstport 4789 nolearning
ip link add bare0 type vxlan id 9 dstport 4790 gbp udp6zerocsumrx
ip link set classic0 up
ip link set bridge0 up
ip link set far0 up
ip address add 192.0.2.1/24 dev near0
ip address add 192.0.2.9/32 dev near0
ip address add 198.51.100.1 peer 198.51.100.2/32 dev near0
echo 0 > /proc/sys/net/ipv6/conf/near0/disable_ipv6
ip -6 address add 2001:db8::1/64 dev near0
ip neigh add 203.0.113.1 lladdr 02:00:00:00:00:01 dev classic0 nud permanent
ip neigh add 203.0.113.2 lladdr 02:00:00:00:00:02 dev classic0 nud reachable
ip neigh add 192.0.2.77 lladdr 02:00:00:00:00:03 dev near0 nud permanent
bridge fdb append 02:00:00:00:00:01 dev classic0 dst 192.0.2.7 permanent
bridge fdb append 02:00:00:00:00:02 dev classic0 dst 192.0.2.8 port 1234 permanent
bridge fdb append 02:00:00:00:00:03 dev classic0 dst 192.0.2.9 vni 5 permanent
bridge fdb append 02:00:00:00:00:04 dev classic0 dst 192.0.2.10 dynamic
bridge fdb append 02:00:00:00:00:05 dev classic0 dst 2001:db8::7 permanent 2>/dev/null || :
ip route add default via 192.0.2.254 metric 50
ip route add default metric 7 nexthop via 192.0.2.3 nexthop via 192.0.2.4
ip route add 10.5.7.0/24 via 203.0.113.1 dev classic0 onlink proto 116
ip route add 10.5.8.0/24 dev classic0 proto 116
ip route add 10.5.9.0/24 via 192.0.2.5 metric 10
ip route add 10.5.9.0/24 via 192.0.2.6 metric 5
ip route add 10.5.9.0/24 tos 0x10 via 192.0.2.6
ip route add 10.6.0.0/16 via inet6 2001:db8::2 dev near0
ip route add unreachable 10.7.0.0/16
ip route add blackhole 10.8.0.0/16
ip route add 10.9.0.0/16 via 192.0.2.5 table 100
ip route add 10.10.1.1 via 192.0.2.5
`;

describe('what is read of the kernel', { skip: missing() }, () => {
  let lab: Lab;
  let host: Host;
  before(async () => {
    lab = await createLab({ name: 'kernelreading', hosts: 2, pods: 0 });
    host = lab.host('a');
    const elsewhere = lab.host('b').namespace;
    await host.shell(`${HOST.replace('netns elsewhere', `netns ${elsewhere}`)}`);
  });
  after(() => lab?.destroy());

  const read = <T>(look: () => T) => inNamespace(host, look);
  /** iproute2's word. */
  const shown = async <T>(command: string): Promise<T[]> =>
    JSON.parse((await host.exec(command.split(' '))).stdout);
  const named = (name: string): Interface => {
    const found = read(readInterfaces).find((link) => link.name === name);
    assert(found, name);
    return found;
  };

  it('devices with their addresses, as `ip -details addr show`', async () => {
    interface Shown {
      ifindex: number;
      ifname: string;
      mtu: number;
      flags: string[];
      link_type: string;
      address?: string;
      ifalias?: string;
      master?: string;
      link?: string;
      link_netnsid?: number;
      linkinfo?: { info_kind?: string };
      addr_info: { family: string; local: string; prefixlen: number }[];
    }
    const expected = (await shown<Shown>('ip -json -details addr show')).map((link) => ({
      index: link.ifindex,
      name: link.ifname,
      mtu: link.mtu,
      up: link.flags.includes('UP'),
      noArp: link.flags.includes('NOARP'),
      mac: ['ether', 'loopback'].includes(link.link_type) ? link.address : '',
      alias: link.ifalias,
      masterName: link.master ?? null,
      linkName: link.link ?? '',
      linksElsewhere: link.link_netnsid !== undefined,
      kind: link.linkinfo?.info_kind ?? '',
      addresses: link.addr_info
        .filter(({ family }) => family === 'inet')
        .map(({ local, prefixlen }) => ({ address: local, prefixLength: prefixlen })),
    }));
    const links = read(readInterfaces).map((link) => ({
      index: link.index,
      name: link.name,
      mtu: link.mtu,
      up: link.up,
      noArp: link.noArp,
      mac: link.mac,
      alias: link.alias,
      masterName: link.masterName,
      linkName: link.linkName,
      linksElsewhere: link.linksElsewhere,
      kind: link.kind,
      addresses: link.addresses,
    }));
    assert.deepEqual(links, expected);
    assert(links.some(({ addresses }) => addresses.length === 3));
    assert(links.some(({ linksElsewhere }) => linksElsewhere));
  });

  it('vxlan devices: filter, VNI, port, GBP, underlay, what sockets must share', () => {
    const near = named('near0').index;
    assert.deepEqual(vxlanDataOf(named('filtered0')), {
      ...{
        id: 0,
        port: 8472,
        underlay: 0,
        local: null,
        gbp: true,
        external: true,
        vnifilter: true,
      },
      socketFlags: ['external', 'vnifilter', 'gbp'],
    });
    assert.deepEqual(vxlanDataOf(named('classic0')), {
      ...{ id: 70_000, port: 4789, underlay: near, local: parseIpv4('192.0.2.1'), gbp: false },
      ...{ external: false, vnifilter: false, socketFlags: [] },
    });
    assert.deepEqual(vxlanDataOf(named('bare0')), {
      ...{ id: 9, port: 4790, underlay: 0, local: null, gbp: true },
      ...{ external: false, vnifilter: false, socketFlags: ['gbp', 'udp_zero_csum6_rx'] },
    });
    assert.equal(vxlanDataOf(named('bridge0')), undefined);
    assert.equal(ipipDataOf(named('classic0')), undefined);
    assert.deepEqual(read(readFirstVnis), new Map([[named('filtered0').index, 7]]));
  });

  it('routes of the main table, as `ip -details route show`, in its order', async () => {
    interface Shown {
      type: string;
      dst: string;
      gateway?: string;
      dev?: string;
      protocol: string;
      metric?: number;
      tos?: string;
      flags: string[];
      nexthops?: { dev: string }[];
    }
    const names = new Map(read(readInterfaces).map(({ index, name }) => [index, name]));
    const expected = await shown<Shown>('ip -json -details -4 route show table main');
    const routes = read(readRouteRecords).map((route) => {
      const text = `${formatIpv4(route.destination)}/${route.length}`;
      return {
        dst: text === '0.0.0.0/0' ? 'default' : text.replace('/32', ''),
        gateway: route.gateway === null ? undefined : formatIpv4(route.gateway),
        dev: route.index === null ? undefined : names.get(route.index),
        isOurs: route.protocol === 116,
        metric: route.metric || undefined,
        hasTos: route.tos !== 0,
        isUnicast: route.isUnicast,
        isBlackhole: route.isBlackhole,
        onlink: route.onlink,
        hops: route.nextHopIndexes.map((index) => names.get(index)),
      };
    });
    assert.deepEqual(
      routes,
      expected.map((route) => ({
        dst: route.dst,
        gateway: route.gateway,
        dev: route.dev,
        isOurs: route.protocol === '116',
        metric: route.metric,
        hasTos: route.tos !== undefined,
        isUnicast: route.type === 'unicast',
        isBlackhole: route.type === 'blackhole',
        onlink: route.flags.includes('onlink'),
        hops: (route.nexthops ?? []).map(({ dev }) => dev),
      })),
    );
    assert.deepEqual(
      routes.filter(({ dst }) => dst === '10.5.9.0/24').map(({ gateway }) => gateway),
      ['192.0.2.6', '192.0.2.6', '192.0.2.5'],
    );
    assert(!routes.some(({ dst }) => dst === '10.9.0.0/16'), 'another table');
  });

  it('the way to an address, by rules and tables as a packet finds it', async () => {
    using _ = enterNamespace(host);
    const expected = async (address: string) => {
      const { stdout } = await host.exec(['ip', '-json', 'route', 'get', address]);
      const [{ dev, prefsrc }] = JSON.parse(stdout);
      return { device: dev, source: prefsrc };
    };
    for (const address of ['192.0.2.77', '10.5.9.7', '203.0.113.50']) {
      assert.deepEqual(await hostReader.wayTowards(address), await expected(address), address);
    }
    for (const address of ['10.7.0.1', '10.8.0.1']) {
      assert.equal(await hostReader.wayTowards(address), null, address);
    }
  });

  it('no routes, where there has never been one', () => {
    using _ = enterNewNamespace();
    assert.deepEqual(readRouteRecords(), []);
  });

  it('devices whose names are not ASCII, by every way to a name', async () => {
    const { index } = named('brücke');
    assert.equal(
      read(() => nameOfInterface(index)),
      'brücke',
    );
    using _ = enterNamespace(host);
    const routes = await hostReader.readRoutes();
    assert(routes.some(({ device }) => device === 'brücke'));
  });

  it("a device's permanent neighbours and FDB entries, those that say no more", () => {
    const { index } = named('classic0');
    const write = ({ destination, address }: { destination: number; address: Buffer }) =>
      `${formatIpv4(destination)} ${formatMac(address)}`;
    assert.deepEqual(read(() => readNeighbors(index)).map(write), [
      '203.0.113.1 02:00:00:00:00:01',
    ]);
    assert.deepEqual(read(() => readFdb(index)).map(write), ['192.0.2.7 02:00:00:00:00:01']);
  });

  it('a list that is longer than what the kernel writes at once', async () => {
    const lines = Array.from(
      { length: 5000 },
      (_, n) => `route add 10.${100 + (n >> 8)}.${n & 255}.0/24 via 192.0.2.5`,
    );
    const before = read(readRouteRecords).length;
    await host.exec(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
    assert.equal(read(readRouteRecords).length, before + lines.length);
  });
});
