/** What subnet.env means to Docker's daemon: flannel's dist/mk-docker-opts.sh, byte for byte. */
import { TartanError } from '../errors.ts';
import { parsePrefix } from '../net/prefix.ts';
import { readSubnetVariables } from './subnet_env.ts';

/** Variables by name; here those of the environment, of which some are taken over. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What is to be written, by the script's flags. */
export interface DockerOptsRequest {
  /** -i: a variable for each option. With neither this nor `combined`: both. */
  readonly individual: boolean;
  /** -c: one with all of them. */
  readonly combined: boolean;
  /** -k: the name of that one. */
  readonly combinedKey: string;
  /** -m is given: leave --ip-masq out. */
  readonly omitIpMasq: boolean;
}

export interface DockerOpts {
  /** The file's text. */
  readonly text: string;
  /** The bridge's address with its prefix length. */
  readonly bip: string;
  /** In bytes. */
  readonly mtu: number;
  /** Whether Docker is told to leave masquerade to the network. */
  readonly leavesMasquerade: boolean;
}

const PREFIX = 'DOCKER_OPT_';

/** The least that IPv4 takes (RFC 791), and the most. */
const [LEAST_MTU, MOST_MTU] = [68, 65_535];

/**
 * As the script has it, the options come in the order of their names, after what is in the combined variable already;
 * `DOCKER_OPT_…` of the environment are options as well.
 * @throws TartanError `FILE` if subnet.env lacks a value or has one that cannot be; `USAGE` for a variable of the
 * environment that would not survive between double quotes
 */
export function dockerOpts(
  subnetEnv: string,
  request: DockerOptsRequest,
  environment: Variables,
): DockerOpts {
  const given = readSubnetVariables(subnetEnv);
  const bip = readSubnet(given.get('FLANNEL_SUBNET'));
  const mtu = readMtu(given.get('FLANNEL_MTU'));
  const masquerades = readMasquerade(given.get('FLANNEL_IPMASQ'));
  const leavesMasquerade = masquerades && !request.omitIpMasq;

  const options = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith(PREFIX) && value) options.set(name, quotable(name, value));
  }
  options.set(`${PREFIX}BIP`, `--bip=${bip}`);
  options.set(`${PREFIX}MTU`, `--mtu=${mtu}`);
  if (leavesMasquerade) options.set(`${PREFIX}IPMASQ`, '--ip-masq=false');
  const sorted = [...options].sort(([one], [other]) => (one < other ? -1 : 1));

  const isBoth = !request.individual && !request.combined;
  const lines =
    request.individual || isBoth ? sorted.map(([name, value]) => `${name}="${value}"`) : [];
  if (request.combined || isBoth) {
    const key = request.combinedKey;
    const before = quotable(key, environment[key] ?? '');
    const all = [before, ...sorted.map(([, value]) => value), ''];
    lines.push(`${key}="${all.join(' ')}"`);
  }
  return { text: lines.map((line) => `${line}\n`).join(''), bip, mtu, leavesMasquerade };
}

function readSubnet(value: string | undefined): string {
  try {
    const [address = '', length = '', ...more] = (value ?? '').split('/');
    // The bridge's own address, so no prefix: the bits behind it are the host's.
    parsePrefix(`${address}/32`);
    const isLength = /^\d+$/.test(length) && Number(length) >= 1 && Number(length) <= 30;
    if (isLength && more.length === 0) return `${address}/${length}`;
  } catch {
    // Told below.
  }
  throw senseless('FLANNEL_SUBNET', value, 'an address with its prefix length');
}

function readMtu(value: string | undefined): number {
  const mtu = Number(value);
  if (/^\d+$/.test(value ?? '') && mtu >= LEAST_MTU && mtu <= MOST_MTU) return mtu;
  throw senseless('FLANNEL_MTU', value, `a number from ${LEAST_MTU} to ${MOST_MTU}`);
}

function readMasquerade(value = 'false'): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw senseless('FLANNEL_IPMASQ', value, 'true or false');
}

function senseless(name: string, value: string | undefined, wanted: string): TartanError {
  return new TartanError(
    'FILE',
    value === undefined
      ? `${name} is missing in subnet.env`
      : `${name}=${value} in subnet.env is not ${wanted}`,
    'Run `tartan join`, which writes the file anew.',
  );
}

/** The file is read by shells and by systemd, which both take these characters for their own. */
function quotable(name: string, value: string): string {
  if (!/["$`\\\n]/.test(value)) return value;
  throw new TartanError(
    'USAGE',
    `${name} in the environment holds a quote, $, \`, \\ or a line break, which the file cannot carry`,
    `Give those options in /etc/docker/daemon.json, and unset ${name}.`,
  );
}
