/** What a host can be a member of, by each backend in each mode, and what of it stands on the host. */
import { execFileSync } from 'node:child_process';
import type { Host } from '../../lab/host.ts';
import { inNamespace } from '../../lab/in_namespace.ts';
import { hostDevice } from '../../lab/pod.ts';
import type { Environment } from '../../lab/process.ts';
import type { LeaseAttributes } from '../../src/lease/lease.ts';
import { formatPrefix, parsePrefix } from '../../src/net/prefix.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openFileStore } from '../../src/store/file.ts';
import { parseStoreUrl } from '../../src/store/select.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import { peersInKernel } from './support.ts';

export interface Scene {
  readonly name: string;
  readonly config: { readonly Backend: { readonly Type: string } & Record<string, unknown> };
  readonly env: Environment;
  /** Last numbers of their addresses, by subnet. */
  readonly peers: Readonly<Record<string, number>>;
}

/** The one subnet that there is for a host, so that it keeps it. */
const SUBNET = '10.5.99.0';
export const GATEWAY = { gateway: '10.5.99.1/24', mtu: 1400 } as const;
const POD = '10.5.99.2';
const RANGE = { Network: '10.5.0.0/16', SubnetMin: SUBNET, SubnetMax: SUBNET } as const;

const SOME = { '10.5.7.0/24': 107, '10.5.8.0/24': 108, '10.5.9.0/24': 109 } as const;
/** One is gone, one has come, and one has moved. */
const OTHERS = { '10.5.8.0/24': 208, '10.5.9.0/24': 109, '10.5.10.0/24': 110 } as const;

function scene(
  name: string,
  backend: Scene['config']['Backend'],
  more: Partial<Omit<Scene, 'config'>> & { readonly range?: object } = {},
): Scene {
  const { range, env = {}, peers = SOME } = more;
  return {
    name,
    config: { ...RANGE, ...range, Backend: backend },
    env: { FLANNELD_DATAPLANE: 'bpf', ...env },
    peers,
  };
}

const VXLAN = { Type: 'vxlan' } as const;
const UDP = { Type: 'udp' } as const;
const kernel = { FLANNELD_DATAPLANE: 'kernel' };

const vxlan = scene('vxlan', VXLAN);
const udp = scene('udp', UDP);
const hostGw = scene('host-gw', { Type: 'host-gw' });

/** Two that a host goes from the one to the other of, and back: together they take every op. */
export const CHANGES: readonly (readonly [Scene, Scene])[] = [
  [
    vxlan,
    scene(
      'vxlan, another range, port and peers',
      { ...VXLAN, Port: 4789 },
      { range: { Network: '10.4.0.0/15' }, peers: OTHERS },
    ),
  ],
  [
    scene('vxlan FastPath', { ...VXLAN, FastPath: true }, { peers: OTHERS }),
    scene('vxlan by clsact', VXLAN, { env: { FLANNELD_ATTACH: 'clsact' } }),
  ],
  [
    scene('vxlan, DirectRouting', { ...VXLAN, DirectRouting: true }),
    scene('vxlan by XDP', VXLAN, {
      env: { FLANNELD_ATTACH: 'xdp', FLANNELD_FORCE: 'true' },
      peers: OTHERS,
    }),
  ],
  [
    scene('vxlan kernel mode', VXLAN, { env: kernel }),
    scene('vxlan kernel mode, other peers', VXLAN, { env: kernel, peers: OTHERS }),
  ],
  [hostGw, { ...hostGw, name: 'host-gw, other peers', peers: OTHERS }],
  [udp, scene('udp user mode', UDP, { env: { FLANNELD_DATAPLANE: 'user' }, peers: OTHERS })],
];

/** Where there is FOU. */
export const CHANGE_OF_KERNELS: readonly [Scene, Scene] = [
  scene('udp kernel mode', UDP, { env: kernel }),
  scene(
    'udp kernel mode, another port and peers',
    { ...UDP, Port: 8286 },
    { env: kernel, peers: OTHERS },
  ),
];

/** Makes the store say so. */
export async function setScene(host: Host, { config, peers }: Scene): Promise<void> {
  const store = await openFileStore({ path: parseStoreUrl(String(host.env.FLANNELD_STORE)).path });
  try {
    await store.writeConfig(JSON.stringify(config), await store.readConfig());
    for (const lease of (await store.list()).leases) {
      if (formatPrefix(lease.subnet) !== `${SUBNET}/24`) await store.remove(lease);
    }
    for (const [subnet, last] of Object.entries(peers))
      await addPeer(store, subnet, last, config.Backend.Type);
  } finally {
    await store.close();
  }
}

async function addPeer(store: LeaseStore, subnet: string, last: number, type: string) {
  const attributes: LeaseAttributes = {
    publicIp: `192.168.77.${last}`,
    publicIpv6: null,
    backendType: type === 'udp' ? '' : type,
    ...(type === 'vxlan' && { vxlan: { vni: 1, vtepMac: `02:00:00:00:00:${last.toString(16)}` } }),
  };
  await store.create(parsePrefix(subnet), attributes, 'never');
}

/** Goes there, undisturbed, and with an endpoint for FastPath. */
export async function goTo(host: Host, scene: Scene): Promise<void> {
  await setScene(host, scene);
  await host.tartan(['join'], { env: scene.env });
  if (scene.config.Backend.FastPath === true)
    await host.tartan(['endpoint', 'add', hostDevice(0), POD]);
}

/** All that stands on the host, without what is another number each time. */
export function outline(host: Host): object {
  const found = fingerprint(host);
  return { ...outlineOf(found), ...bare(host), peers: peersInKernel(host) };
}

/** What a fingerprint leaves out. */
export function bare(host: Host): object {
  return inNamespace(host, () => ({
    neighbors: ask('ip -4 neigh show nud permanent').sort(),
    fdb: ask('bridge fdb show')
      .filter((line) => / dst /.test(line))
      .sort(),
    tables: ask('nft --stateless list ruleset'),
    ports: ask('ip fou show 2>/dev/null || true'),
  }));
}

function ask(script: string): string[] {
  const said = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
  return said.split('\n').filter((line) => line !== '');
}

function outlineOf({ links, routes, vnis, qdiscs, attached, pins, files }: Fingerprint) {
  const nameOf = new Map(links.map(({ ifindex, ifname }) => [String(ifindex), ifname]));
  const pinOf = new Map(Object.entries(pins).map(([path, id]) => [id, path]));
  const named = (path: string) =>
    path
      .replace(/(?<=\/netns-)\d+/, '')
      .replace(/(?<=-)\d+$/, (index) => nameOf.get(index) ?? index);
  const mac = /"vtepMac": "(\S+)"/.exec(files['state/default/state.json'] ?? '')?.[1];
  const wanted = {
    links: links.map(({ ifname, mtu, flags, address, ifalias, linkinfo, addr_info }) => ({
      ...{ ifname, mtu, ifalias, linkinfo },
      // Of a new pair of devices, the kernel notices that it is cabled up to a second later.
      flags: flags.filter((flag) => flag !== 'NO-CARRIER' && flag !== 'LOWER_UP'),
      address: ifname.startsWith('flannel') ? address : '',
      addresses: addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    })),
    routes: routes
      .filter(({ protocol }) => protocol === '116')
      .map(({ dst, gateway, dev }) => `${dst} ${gateway} ${dev}`)
      .sort(),
    vnis,
    qdiscs: JSON.stringify(qdiscs).match(/clsact|ingress/g),
    attached: Object.entries(attached).map(([place, ids]) => [
      place,
      ids.map((id) => named(pinOf.get(`prog_id ${id}`) ?? 'not pinned')),
    ]),
    // An empty folder that stays does no harm.
    pins: Object.keys(pins)
      .filter((path) => !path.endsWith('/links/'))
      .map(named)
      .sort(),
    // Without mode and time.
    files: Object.entries(files)
      .filter(([path]) => !path.endsWith('lock') && !path.endsWith('/'))
      .map(([path, content]) => [path, content.replace(/^\d+ \d+ /, '')]),
  };
  const text = JSON.stringify(wanted).replace(/(networkNamespace\\": )\d+/g, '$1');
  return JSON.parse(mac === undefined ? text : text.replaceAll(mac, 'own MAC')) as object;
}
