import {
  type ConfigSection,
  invalid,
  nameValue,
  readFlag,
  readInteger,
  readSecret,
  readText,
} from './config_section.ts';

export interface VxlanConfig {
  readonly type: 'vxlan';
  /** VXLAN network identifier, 1 to 9,999,999. */
  readonly vni: number;
  /** UDP port, host byte order. */
  readonly port: number;
  readonly gbp: boolean;
  readonly directRouting: boolean;
  /** Endpoints are served past the host's stack; flannel does not know the key. */
  readonly fastPath: boolean;
  /** Bytes of the largest packet on the underlay; 0: as the underlay's interface has it. */
  readonly mtu: number;
}

export interface UdpConfig {
  readonly type: 'udp';
  /** UDP port, host byte order. */
  readonly port: number;
  /** As in {@link VxlanConfig}. */
  readonly fastPath: boolean;
}

export interface HostGwConfig {
  readonly type: 'host-gw';
  /** As in {@link VxlanConfig}. */
  readonly fastPath: boolean;
}

/** A backend that flannel has and tartan does not build yet. */
export interface OtherConfig {
  readonly type: Exclude<BackendType, 'vxlan' | 'udp' | 'host-gw'>;
}

export type BackendConfig = VxlanConfig | UdpConfig | HostGwConfig | OtherConfig;

/** Whether the network's endpoints are served past their hosts' stacks, which only some backends can. */
export function wantsFastPath(backend: BackendConfig): boolean {
  return 'fastPath' in backend && backend.fastPath;
}

/** The UDP port that hosts send each other's packets to, host byte order; null: there is no tunnel in UDP. */
export function tunnelPort(backend: BackendConfig): number | null {
  return 'port' in backend ? backend.port : null;
}

export type BackendType =
  | 'vxlan'
  | 'udp'
  | 'host-gw'
  | 'ipip'
  | 'ipsec'
  | 'wireguard'
  | 'aws-vpc'
  | 'gce'
  | 'ali-vpc'
  | 'alloc'
  | 'tencent-vpc';

const PORTS = { min: 1, max: 65_535 };
/** flannel's default. */
const UDP_PORT = 8285;
/**
 * RFC 7348 allows 24 bits. 0 is not one that a VNI filter of the kernel takes, and the name of the device, `flannel.<VNI>`,
 * must not be longer than the kernel's 15 characters.
 */
const VNIS = { min: 1, max: 9_999_999 };
/** An overlay that carries IPv4 must carry this much (RFC 791), so that fragments can make any size. */
export const LEAST_IPV4_MTU = 68;
/** Outer IPv4, UDP and VXLAN headers and the inner Ethernet header. */
export const VXLAN_OVERHEAD = 50;
/** Of the outer packet. */
const VXLAN_MTUS = { min: LEAST_IPV4_MTU + VXLAN_OVERHEAD, max: 65_535 };
/** flannel's least length of an ipsec key, in characters. */
const MIN_PSK_LENGTH = 96;

/** What is read of each backend's options; each throws `CONFIG_INVALID`. */
const READERS: Record<BackendType, (section: ConfigSection) => BackendConfig> = {
  vxlan: readVxlan,
  udp: readUdp,
  'host-gw': (section) => ({ type: 'host-gw', fastPath: readFlag(section, 'FastPath') }),
  ipip: (section) => {
    readFlag(section, 'DirectRouting');
    return { type: 'ipip' };
  },
  ipsec: readIpsec,
  wireguard: (section) => {
    readInteger(section, 'ListenPort', PORTS);
    readInteger(section, 'PersistentKeepaliveInterval', { min: 0, max: 65_535 });
    readSecret(section, 'PSK');
    return { type: 'wireguard' };
  },
  'aws-vpc': readAwsVpc,
  gce: () => ({ type: 'gce' }),
  'ali-vpc': (section) => {
    readSecret(section, 'AccessKeyID');
    readSecret(section, 'AccessKeySecret');
    return { type: 'ali-vpc' };
  },
  alloc: () => ({ type: 'alloc' }),
  'tencent-vpc': () => ({ type: 'tencent-vpc' }),
};

/** Every backend that a config may name, whether it is built or not. */
export const BACKEND_TYPES = Object.keys(READERS) as readonly BackendType[];

/**
 * Reads the Backend of a network config; null, an absent one, means udp as it does for flannel.
 * @throws TartanError `CONFIG_INVALID` naming key and value
 */
export function readBackend(section: ConfigSection | null): BackendConfig {
  if (section === null) return { type: 'udp', port: UDP_PORT, fastPath: false };
  const given = readText(section, 'Type');
  const type = BACKEND_TYPES.find((known) => known === given?.toLowerCase());
  if (type !== undefined) return READERS[type](section);
  throw invalid(
    given === undefined
      ? 'Backend.Type is missing'
      : `${nameValue(section, 'Type')}, which is no backend`,
    `Use one of ${BACKEND_TYPES.join(', ')}.`,
  );
}

function readVxlan(section: ConfigSection): VxlanConfig {
  return {
    type: 'vxlan',
    vni: readInteger(section, 'VNI', VNIS) ?? 1,
    port: readOrZero(section, 'Port', PORTS) || 8472,
    gbp: readFlag(section, 'GBP'),
    directRouting: readFlag(section, 'DirectRouting'),
    fastPath: readFlag(section, 'FastPath'),
    mtu: readOrZero(section, 'MTU', VXLAN_MTUS),
  };
}

function readUdp(section: ConfigSection): UdpConfig {
  return {
    type: 'udp',
    port: readInteger(section, 'Port', PORTS) ?? UDP_PORT,
    fastPath: readFlag(section, 'FastPath'),
  };
}

/** A number within the bounds, or 0, by which flannel means the default. */
function readOrZero(
  section: ConfigSection,
  key: string,
  bounds: { readonly min: number; readonly max: number },
): number {
  if (section.fields.get(key.toLowerCase()) === 0) return 0;
  return readInteger(section, key, bounds) ?? 0;
}

function readIpsec(section: ConfigSection): BackendConfig {
  readFlag(section, 'UDPEncap');
  readText(section, 'ESPProposal');
  const length = readSecret(section, 'PSK')?.length ?? 0;
  if (length >= MIN_PSK_LENGTH) return { type: 'ipsec' };
  throw invalid(
    `Backend.PSK has ${length} characters, fewer than ${MIN_PSK_LENGTH}`,
    'Make one with: dd if=/dev/urandom count=48 bs=1 status=none | xxd -p -c 48',
  );
}

function readAwsVpc(section: ConfigSection): BackendConfig {
  const tables = section.fields.get('routetableid') ?? [];
  if ([tables].flat().every((table) => typeof table === 'string')) return { type: 'aws-vpc' };
  throw invalid(
    `${nameValue(section, 'RouteTableID')}, neither text nor a list of texts`,
    'Give the ID of a route table, such as "rtb-0123abcd", or a list of them.',
  );
}
