/** What tartan is measured against, and flannel's side of the wire: nothing of tartan is used here. */

import { randomBytes } from 'node:crypto';
import type { Etcd } from './etcd.ts';
import type { Host } from './host.ts';
import type { Lab } from './lab.ts';
import { attachPods } from './pod.ts';

/** flannel's device for VNI 1. */
export const FLANNEL_DEVICE = 'flannel.1';

export interface FlannelPeer {
  /** `10.5.2.0/24` */
  readonly subnet: string;
  readonly publicIp: string;
  readonly vtepMac: string;
}

/** Plain kernel routes between the pods over the underlay: no tunnel. */
export async function native(lab: Lab): Promise<void> {
  await Promise.all(
    lab.hosts.map(async (host) => {
      await attachPods(host, { gateway: gatewayOf(subnetOf(lab, host)), mtu: lab.options.mtu });
      for (const other of lab.hosts) {
        if (other === host || host.router !== null) continue;
        await host.exec(['ip', 'route', 'add', subnetOf(lab, other), 'via', other.address]);
      }
    }),
  );
  // Hosts behind routers have a default route to them; the routers have to know the way.
  for (const host of lab.hosts) {
    if (host.router === null) continue;
    await lab
      .node(host.router)
      .exec(['ip', 'route', 'add', subnetOf(lab, host), 'via', host.address]);
  }
}

/** flannel's vxlan by hand on every host, with routes, FDB and neigh entries for every other. */
export async function flannelByHand(lab: Lab): Promise<void> {
  const mtu = lab.options.mtu - 50;
  const peers = await Promise.all(
    lab.hosts.map(async (host) => {
      const peer = await addFlannelDevice(host, { subnet: subnetOf(lab, host), mtu });
      await attachPods(host, { gateway: gatewayOf(peer.subnet), mtu });
      return { host, peer };
    }),
  );
  for (const { host } of peers) {
    for (const other of peers) {
      if (other.host !== host) await addFlannelPeer(host, other.peer);
    }
  }
}

export interface FlannelDevice {
  readonly subnet: string;
  readonly mtu: number;
  readonly vtepMac?: string;
  /** Default 1; the device is `flannel.<VNI>`. */
  readonly vni?: number;
  /** Default 8472. */
  readonly port?: number;
  readonly gbp?: boolean;
}

/** The classic vxlan device that flanneld makes; returns what its lease would say. */
export async function addFlannelDevice(
  host: Host,
  { subnet, mtu, vtepMac = randomMac(), vni = 1, port = 8472, gbp = false }: FlannelDevice,
): Promise<FlannelPeer> {
  const [address] = subnet.split('/');
  const device = `flannel.${vni}`;
  await host.exec(['ip', '-batch', '-'], {
    input: `
link add ${device} address ${vtepMac} mtu ${mtu} type vxlan id ${vni} dev ${host.device} local ${host.address} dstport ${port} nolearning${gbp ? ' gbp' : ''}
address add ${address}/32 dev ${device}
link set ${device} up
`,
  });
  return { subnet, publicIp: host.address, vtepMac };
}

/** The three entries that flanneld makes for a lease it sees. */
export async function addFlannelPeer(
  host: Host,
  peer: FlannelPeer,
  device = FLANNEL_DEVICE,
): Promise<void> {
  const [vtep] = peer.subnet.split('/');
  await host.shell(`
ip neigh replace ${vtep} lladdr ${peer.vtepMac} dev ${device} nud permanent
bridge fdb replace ${peer.vtepMac} dev ${device} dst ${peer.publicIp}
ip route replace ${peer.subnet} via ${vtep} dev ${device} onlink
`);
}

export async function removeFlannelPeer(host: Host, peer: FlannelPeer): Promise<void> {
  const [vtep] = peer.subnet.split('/');
  await host.shell(`
ip route del ${peer.subnet} dev ${FLANNEL_DEVICE}
bridge fdb del ${peer.vtepMac} dev ${FLANNEL_DEVICE} dst ${peer.publicIp}
ip neigh del ${vtep} dev ${FLANNEL_DEVICE}
`);
}

const PREFIX = '/coreos.com/network';

/** Writes a lease as flanneld does, byte for byte. `ttlSeconds: null`: without an etcd lease (a reservation). */
export async function putFlannelLease(
  etcd: Etcd,
  peer: FlannelPeer,
  ttlSeconds: number | null = 86_400,
  vni = 1,
): Promise<void> {
  const value = JSON.stringify({
    PublicIP: peer.publicIp,
    PublicIPv6: null,
    BackendType: 'vxlan',
    BackendData: { VNI: vni, VtepMAC: peer.vtepMac },
  });
  await putFlannelValue(etcd, peer.subnet, value, ttlSeconds);
}

/** Writes a lease's key, under an etcd lease of its own unless `ttlSeconds` is null. */
export async function putFlannelValue(
  etcd: Etcd,
  subnet: string,
  value: string,
  ttlSeconds: number | null,
): Promise<void> {
  const key = flannelKey(subnet);
  if (ttlSeconds === null) {
    await etcd.ctl(['put', key, value]);
    return;
  }
  const { stdout } = await etcd.ctl(['lease', 'grant', `${ttlSeconds}`]);
  const id = /lease ([0-9a-f]+) granted/.exec(stdout)?.[1];
  if (id === undefined) throw new Error(`etcdctl lease grant said: ${stdout}`);
  await etcd.ctl(['put', `--lease=${id}`, key, value]);
}

export async function removeFlannelLease(etcd: Etcd, subnet: string): Promise<void> {
  await etcd.ctl(['del', flannelKey(subnet)]);
}

/** `/coreos.com/network/subnets/10.5.2.0-24` */
export function flannelKey(subnet: string): string {
  return `${PREFIX}/subnets/${subnet.replace('/', '-')}`;
}

/** `10.5.2.0/24` → `10.5.2.1/24` */
export function gatewayOf(subnet: string): string {
  return subnet.replace(/\.0\//, '.1/');
}

/** The subnet that a baseline gives to a host: 10.5.1.0/24 for the first. */
export function subnetOf(lab: Lab, host: Host): string {
  return `10.5.${lab.hosts.indexOf(host) + 1}.0/24`;
}

/** Locally administered, unicast. */
export function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
