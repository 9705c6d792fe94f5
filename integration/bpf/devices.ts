/**
 * The programs attached to devices of a network namespace, with programs behind them that write down what gets so far,
 * and let nothing through: what a test run does not show, which device a packet goes to and its tunnel key.
 */
import { execFileSync } from 'node:child_process';
import { enterNewNamespace } from '../../lab/in_namespace.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import { lookupElement, testRun, updateElement } from '../../src/sys/bpf.ts';
import type { Hook } from '../../src/sys/bpf_links.ts';
import { indexOfInterface, nameOfInterface } from '../../src/sys/interfaces.ts';
import { createClsact, putFilter } from '../../src/sys/tc.ts';
import { compileAndLoad } from './compile.ts';
import { encodeContext } from './context.ts';
import { loadPrograms, type Programs } from './programs.ts';
import { SETTINGS } from './scene.ts';

/** In the order of `enum place` in devices.c. */
const PLACES = ['overlay_egress', 'overlay_ingress', 'underlay_egress'] as const;
export type Place = (typeof PLACES)[number];

/** `struct record` in devices.c. */
const RECORD_SIZE = 8 * 4 + 96;

/** <linux/bpf.h> */
const BPF_F_INGRESS = 1;

export const GATEWAY = { address: '192.0.2.1', mac: '02:ee:00:00:00:01' } as const;
export const UNDERLAY_MAC = '02:ee:00:00:00:17';

export interface TunnelKey {
  readonly id: number;
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  /** `TUNNEL_CSUM` and its kin, <linux/if_tunnel.h>. */
  readonly flags: number;
}

export interface RecordedPacket {
  readonly place: Place;
  readonly length: number;
  /** Its first 96 bytes. */
  readonly bytes: Buffer;
  readonly key: TunnelKey | null;
}

export interface Devices extends Disposable {
  readonly programs: Programs;
  /** Puts a packet on a device, and tells where it came out; null: nowhere. */
  inject(hook: Hook, device: string, packet: Buffer): RecordedPacket | null;
  /** What came out where in the meantime. */
  take(): RecordedPacket | null;
}

const SETUP = `
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
ip link add ${SETTINGS.underlay} address ${UNDERLAY_MAC} type veth peer name underlay-end
ip link add ${SETTINGS.device} address ${SETTINGS.deviceMac} mtu 65535 type veth peer name overlay-end
ip link set underlay-end up
ip link set overlay-end up
ip address add ${SETTINGS.underlayAddress}/24 dev ${SETTINGS.underlay}
ip address add 10.5.17.0/32 dev ${SETTINGS.device}
ip link set ${SETTINGS.underlay} up
ip link set ${SETTINGS.device} up arp off
ip route add default via ${GATEWAY.address}
ip route add 10.5.0.0/16 via 169.254.1.1 dev ${SETTINGS.device} onlink
ip neigh replace ${GATEWAY.address} lladdr ${GATEWAY.mac} dev ${SETTINGS.underlay} nud permanent
`;

/** Until the result is disposed, this thread and the children that it starts are in the devices' namespace. */
export function makeDevices(): Devices {
  using cleanUp = new DisposableStack();
  cleanUp.use(enterNewNamespace());
  execFileSync('sh', ['-e'], { input: SETUP });
  const devices = { indexOf: indexOfInterface, nameOf: nameOfInterface };
  const programs = cleanUp.use(loadPrograms({ devices }));
  const own = compileAndLoad('devices.c', ['records'], [...PLACES, 'inject']);
  cleanUp.defer(() => own.close());
  const index = (device: string) => indexOfInterface(device) ?? 0;
  // By filters, as kernels before 6.6 have no TCX; the namespace takes them along. The later ones come behind.
  let priority = 1;
  const attach = (fd: number, device: string, hook: Hook) => {
    const at = { ifindex: index(device), hook };
    createClsact(at.ifindex);
    putFilter(at, { priority, handle: 1 }, { fd, name: `test${priority}` });
    priority += 1;
  };
  attach(programs.programFd('vxlan_send'), SETTINGS.device, 'egress');
  attach(programs.programFd('vxlan_receive'), SETTINGS.underlay, 'ingress');
  attach(own.programFd('overlay_egress'), SETTINGS.device, 'egress');
  attach(own.programFd('overlay_ingress'), SETTINGS.device, 'ingress');
  attach(own.programFd('underlay_egress'), SETTINGS.underlay, 'egress');
  const records = own.mapFd('records');
  const take = () => takeRecord(records);
  const kept = cleanUp.move();
  return {
    programs,
    take,
    inject: (hook, device, packet) => {
      take();
      const cb = [index(device), hook === 'ingress' ? BPF_F_INGRESS : 0];
      testRun(own.programFd('inject'), packet, encodeContext({ cb }));
      return take();
    },
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/** Reads and forgets what has been written down. */
function takeRecord(fd: number): RecordedPacket | null {
  let taken: RecordedPacket | null = null;
  for (const [at, place] of PLACES.entries()) {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(at);
    const record = Buffer.alloc(RECORD_SIZE);
    lookupElement(fd, key, record);
    if (record.readUInt32LE(0) === 0) continue;
    if (taken !== null) throw new Error(`the packet came out at ${taken.place} and at ${place}`);
    taken = decodeRecord(place, record);
    updateElement(fd, key, Buffer.alloc(RECORD_SIZE));
  }
  return taken;
}

function decodeRecord(place: Place, record: Buffer): RecordedPacket {
  const [, length = 0, hasKey, id = 0, remote = 0, local = 0, ttl = 0, flags = 0] = Array.from(
    { length: 8 },
    (_, at) => record.readUInt32LE(4 * at),
  );
  // The getter names the ends as for a packet that came in: "remote" is where it is from.
  const key = { id, source: formatIpv4(remote), destination: formatIpv4(local), ttl, flags };
  return {
    place,
    length,
    bytes: record.subarray(32),
    key: hasKey ? key : null,
  };
}
