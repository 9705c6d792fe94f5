import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';

/** What subnet.env tells the CNI plugin and Docker. */
export interface SubnetEnv {
  readonly network: Prefix;
  readonly subnet: Prefix;
  readonly mtu: number;
  readonly ipMasq: boolean;
}

/** What an earlier subnet.env held, as far as it can be read. */
export interface PreviousSubnet {
  readonly network: Prefix | null;
  readonly subnet: Prefix | null;
}

/** The file's text, byte for byte as flannel writes it. */
export function formatSubnetEnv(subnetEnv: SubnetEnv): string {
  const lines = Object.entries(subnetVariables(subnetEnv));
  return lines.map(([name, value]) => `${name}=${value}\n`).join('');
}

/** Its variables, in flannel's order: FLANNEL_SUBNET carries the subnet's first host address. */
export function subnetVariables({ network, subnet, mtu, ipMasq }: SubnetEnv) {
  return {
    FLANNEL_NETWORK: formatPrefix(network),
    FLANNEL_SUBNET: `${formatIpv4(subnet.address + 1)}/${subnet.length}`,
    FLANNEL_MTU: String(mtu),
    FLANNEL_IPMASQ: String(ipMasq),
  };
}

const VARIABLE = /^\s*(?:export\s+)?(\w+)\s*=\s*(["']?)(.*?)\2\s*$/;

/** The variables of a subnet.env, as a shell would read them: quotes, blank lines and comments do no harm. */
export function readSubnetVariables(text: string): ReadonlyMap<string, string> {
  const matches = text.split('\n').map((line) => VARIABLE.exec(line) ?? []);
  return new Map(matches.map(([, name = '', , value = '']) => [name, value]));
}

/** Reads an earlier subnet.env. Never throws. */
export function parseSubnetEnv(text: string): PreviousSubnet {
  const values = readSubnetVariables(text);
  return {
    network: prefixOrNull(values.get('FLANNEL_NETWORK')),
    subnet: prefixOrNull(values.get('FLANNEL_SUBNET')),
  };
}

function prefixOrNull(text: string | undefined): Prefix | null {
  try {
    return parsePrefix(text ?? '');
  } catch {
    return null;
  }
}
