import { TartanError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import {
  formatPrefix,
  lastAddress,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
  prefixMask,
  prefixSize,
} from '../net/prefix.ts';
import { type BackendConfig, readBackend } from './backend_config.ts';
import {
  type ConfigSection,
  invalid,
  nameValue,
  readAddress,
  readFlag,
  readInteger,
  readSection,
  readText,
} from './config_section.ts';
import { fieldsOf } from './json_fields.ts';

export type {
  BackendConfig,
  BackendType,
  HostGwConfig,
  OtherConfig,
  UdpConfig,
  VxlanConfig,
} from './backend_config.ts';
export { LEAST_IPV4_MTU, tunnelPort, VXLAN_OVERHEAD, wantsFastPath } from './backend_config.ts';

export interface NetworkConfig {
  readonly network: Prefix;
  readonly subnetLength: number;
  /** Address of the first subnet that is handed out. */
  readonly subnetMin: number;
  /** Address of the last subnet that is handed out. */
  readonly subnetMax: number;
  readonly backend: BackendConfig;
}

/** A subnet must hold a network address, a broadcast address and two hosts. */
const LONGEST_SUBNET = 30;
/** A network must hold four subnets: the first is not used. */
const BITS_FOR_FOUR_SUBNETS = 2;
const PREFERRED_SUBNET_LENGTH = 24;

const EXAMPLE = '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}';

/**
 * Reads flannel's network config. Keys match in any case and unknown ones are ignored, as Go's decoder does. A backend
 * that is known but not built yet is accepted.
 * @throws TartanError `CONFIG_INVALID` naming key and value
 */
export function parseConfig(text: string): NetworkConfig {
  const section = parseSection(text);
  refuseDualStack(section);
  const network = readNetwork(section);
  const subnetLength = readSubnetLength(section, network);
  return {
    network,
    subnetLength,
    ...readSubnetRange(section, network, subnetLength),
    backend: readBackend(readSection(section, 'Backend')),
  };
}

function parseSection(text: string): ConfigSection {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    // The engine's message quotes the text around, which may be a key or a password.
    const [position = ''] = /position \d+( \(line \d+ column \d+\))?/.exec(String(cause)) ?? [];
    throw invalid(
      `the network config is not JSON${position && `: the error is at ${position}`}`,
      `Write it like ${EXAMPLE}.`,
    );
  }
  const fields = fieldsOf(value);
  if (fields !== null) return { path: '', fields };
  throw invalid('the network config is not a JSON object', `Write it like ${EXAMPLE}.`);
}

function refuseDualStack(section: ConfigSection): void {
  const hint = 'Leave EnableIPv4 and the IPv6 keys out: the network is IPv4 only.';
  if (readFlag(section, 'EnableIPv6')) {
    throw invalid(`${nameValue(section, 'EnableIPv6')}, but IPv6 is not built yet`, hint);
  }
  if (section.fields.get('enableipv4') === false) {
    throw invalid('EnableIPv4 is false, but a network without IPv4 is not built yet', hint);
  }
}

function readNetwork(section: ConfigSection): Prefix {
  const text = readText(section, 'Network');
  if (text === undefined) throw invalid('Network is missing', `Write it like ${EXAMPLE}.`);
  try {
    const network = parsePrefix(text);
    refuseReserved(section, network);
    if (network.length > 0) return network;
  } catch (error) {
    if (!(error instanceof TartanError) || error.code === 'CONFIG_INVALID') throw error;
  }
  throw invalid(
    `${nameValue(section, 'Network')}, not an IPv4 network`,
    'Give an address and a prefix length from 1 to 28, such as "10.5.0.0/16".',
  );
}

/** Addresses that no pod can have (RFC 6890), and why. */
const RESERVED: readonly (readonly [prefix: Prefix, what: string])[] = (
  [
    ['0.0.0.0/8', '"this network"'],
    ['127.0.0.0/8', 'loopback'],
    ['169.254.0.0/16', 'link-local'],
    ['224.0.0.0/4', 'multicast'],
    ['240.0.0.0/4', 'reserved'],
  ] as const
).map(([prefix, what]) => [parsePrefix(prefix), what]);

function refuseReserved(section: ConfigSection, network: Prefix): void {
  const found = RESERVED.find(([prefix]) => network.length > 0 && prefixesOverlap(prefix, network));
  if (found === undefined) return;
  const [prefix, what] = found;
  throw invalid(
    `${nameValue(section, 'Network')}, which has ${what} addresses (${formatPrefix(prefix)})`,
    'Choose private addresses (RFC 1918), such as "10.5.0.0/16".',
  );
}

function readSubnetLength(section: ConfigSection, network: Prefix): number {
  const shortest = network.length + BITS_FOR_FOUR_SUBNETS;
  if (shortest > LONGEST_SUBNET) {
    throw invalid(
      `${nameValue(section, 'Network')}, too small for four subnets`,
      `Give a prefix length of at most ${LONGEST_SUBNET - BITS_FOR_FOUR_SUBNETS}.`,
    );
  }
  const given = readInteger(section, 'SubnetLen', { min: 0, max: 32 });
  // 0 is Go's absent.
  if (!given) return Math.max(PREFERRED_SUBNET_LENGTH, shortest);
  if (given >= shortest && given <= LONGEST_SUBNET) return given;
  throw invalid(
    `${nameValue(section, 'SubnetLen')}, out of bounds for the network ${formatPrefix(network)}`,
    `Give a length from ${shortest} (four subnets) to ${LONGEST_SUBNET} (two hosts each), or leave it out.`,
  );
}

function readSubnetRange(
  section: ConfigSection,
  network: Prefix,
  subnetLength: number,
): { subnetMin: number; subnetMax: number } {
  const size = prefixSize(subnetLength);
  const subnetMin = readAddress(section, 'SubnetMin') ?? network.address + size;
  const subnetMax = readAddress(section, 'SubnetMax') ?? lastAddress(network) - size + 1;
  checkBoundary('SubnetMin', subnetMin, network, subnetLength);
  checkBoundary('SubnetMax', subnetMax, network, subnetLength);
  if (subnetMin <= subnetMax) return { subnetMin, subnetMax };
  throw invalid(
    `SubnetMin is ${formatIpv4(subnetMin)}, above SubnetMax, ${formatIpv4(subnetMax)}`,
    'Give the lower address as SubnetMin, or leave both out for the whole network.',
  );
}

function checkBoundary(key: string, address: number, network: Prefix, subnetLength: number): void {
  if (!prefixContains(network, address)) {
    throw invalid(
      `${key} is ${formatIpv4(address)}, not in the network ${formatPrefix(network)}`,
      `Give the address of a subnet of the network, or leave ${key} out.`,
    );
  }
  const boundary = (address & prefixMask(subnetLength)) >>> 0;
  if (address !== boundary) {
    throw invalid(
      `${key} is ${formatIpv4(address)}, not the first address of a /${subnetLength} subnet`,
      `Give ${formatIpv4(boundary)}, or another multiple of the subnets' size.`,
    );
  }
}
