/** FOU, which carries udp in kernel mode: its ports, its device's offloads, and whether the kernel has it at all. */
import { messageOf, TartanError } from '../errors.ts';
import type { FouPort } from '../plan/fou.ts';
import type { FouLink } from '../plan/links.ts';
import { hasOffload, setOffload } from '../sys/ethtool.ts';
import { SystemError } from '../sys/libc.ts';
import { openUdp } from '../sys/udp.ts';
import { readJson } from './iproute.ts';
import { loadModule, runShell } from './modules.ts';

/** What is read of `ip -json fou show`. */
interface IpFou {
  readonly port: number;
  /** Absent for another kind of encapsulation (GUE). */
  readonly ipproto?: number;
  /** Absent: any. */
  readonly local?: string;
  /** Set where only one peer's packets are taken. */
  readonly peer?: string;
  readonly dev?: string;
}

/** IPv4 in a datagram; the number of IP-in-IP. */
const IPV4 = 4;

/** Of the ports that could be ours those that are there. */
export async function observeFou(known: readonly FouPort[]): Promise<FouPort[]> {
  if (known.length === 0) return [];
  // Where the module has been unloaded, its ports are gone.
  const found = await readPorts().catch((): IpFou[] => []);
  return found.flatMap(({ port, ipproto, local, peer, dev }) => {
    const isPlain = ipproto === IPV4 && (peer ?? dev) === undefined;
    const isKnown = known.some((one) => one.port === port && one.address === local);
    return isPlain && isKnown && local !== undefined ? [{ address: local, port }] : [];
  });
}

function readPorts(): Promise<IpFou[]> {
  return readJson<IpFou>('fou', 'show');
}

/** `ip -batch` lines. */
export function addFou({ address, port }: FouPort): string[] {
  return [`fou add port ${port} ipproto ${IPV4} local ${address}`];
}

export function removeFou({ address, port }: FouPort): string[] {
  return [`fou del port ${port} local ${address}`];
}

/**
 * What `ip link add` is told of the device. A TTL of its own: with the inner one, a traceroute through a routed underlay
 * would end there. Checksum 0, which says to tartan's programs that this end is in the kernel. A source port a flow, as
 * the programs have it.
 */
export function formatFou({ underlay, underlayAddress, port }: FouLink): string {
  return [
    `ipip local ${underlayAddress} dev ${underlay} ttl 64`,
    `encap fou encap-sport auto encap-dport ${port} noencap-csum`,
  ].join(' ');
}

/**
 * Without checksums of its own, the device is given single packets with theirs: an underlay that leaves both to be done
 * later (a veth, virtio) would hand a relay in user space, as flanneld's, what is unfinished.
 */
export function tuneFou(device: string): void {
  if (hasOffload(device, 'tx-checksums')) setOffload(device, 'tx-checksums', false);
}

export function isTunedFou(device: string): boolean {
  try {
    return !hasOffload(device, 'tx-checksums');
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'ENODEV') return false;
    throw error;
  }
}

const OTHERWISE =
  'Or leave it to something else: --dataplane bpf, or --dataplane user, which takes `tartan relay`.';

/**
 * Why the kernel cannot carry udp here; null: nothing that can be told beforehand. The modules are loaded where there are
 * any, and nothing else changes.
 */
export async function probeFou(wanted: FouPort): Promise<TartanError | null> {
  let ports: IpFou[];
  try {
    ports = await readPorts().catch(loadAndRead);
  } catch (cause) {
    if (cause instanceof TartanError && cause.code === 'MISSING') throw cause;
    return missing('fou', 'CONFIG_NET_FOU', cause);
  }
  return findOccupant(wanted, ports) ?? (await findLack());
}

/** The kernel loads the module ipip by itself, and this one does not. */
async function loadAndRead(): Promise<IpFou[]> {
  await loadModule('fou');
  return await readPorts();
}

function findOccupant({ address, port }: FouPort, ports: readonly IpFou[]): TartanError | null {
  try {
    openUdp({ bind: { address, port }, limitMilliseconds: 0 })[Symbol.dispose]();
    return null;
  } catch (cause) {
    // Whatever else it is, the op itself will say.
    if (!(cause instanceof SystemError) || cause.errno !== 'EADDRINUSE') return null;
    const other = ports.find(
      (one) => one.port === port && (one.local === undefined || one.local === address),
    );
    if (other === undefined) {
      return new TartanError(
        'BUSY',
        `another process has UDP port ${port} of ${address}, which the kernel is to have`,
        `Stop it (\`ss -ulnp sport = :${port}\`): flanneld or \`tartan relay\` may be running. Or choose another Backend.Port in the network config.`,
        { cause },
      );
    }
    const local = other.local === undefined ? '' : ` local ${other.local}`;
    return new TartanError(
      'DEVICE_FOREIGN',
      `UDP port ${port} of ${address} is a FOU port that is not ours (\`ip fou show\`)`,
      `Remove it (\`ip fou del port ${port}${local}\`) if nothing needs it, or choose another Backend.Port in the network config.`,
      { cause },
    );
  }
}

/** Tried in a network namespace of its own, which ends with it; each step with the exit status that says which it was. */
const TRIAL = `
ip link add probe type ipip local 127.0.0.1 encap fou encap-sport auto encap-dport 9 || exit 101
nft 'table ip probe { chain probe { type filter hook output priority mangle; ip frag-off set 0; }; }' || exit 102
`;

const LACKS = new Map([
  [101, { module: 'ipip', option: 'CONFIG_NET_IPIP and CONFIG_NET_FOU_IP_TUNNELS' }],
  [102, { module: 'nf_tables', option: 'CONFIG_NF_TABLES, and the command nft' }],
]);

/** Where no namespace may be made, it is left to the ops to find out. */
async function findLack(): Promise<TartanError | null> {
  try {
    await runShell(['unshare', '--net', 'sh', '-c'], TRIAL);
    return null;
  } catch (cause) {
    const lack = LACKS.get(Number((cause as { code?: unknown }).code));
    return lack ? missing(lack.module, lack.option, cause) : null;
  }
}

function missing(module: string, option: string, cause: unknown): TartanError {
  const { stderr = '' } = cause as { stderr?: string };
  const said = stderr.trim().replaceAll(/\n+/g, '; ') || messageOf(cause);
  return new TartanError(
    'MISSING',
    `the kernel cannot carry udp by itself, without ${module}: ${said}`,
    `Load the module (\`modprobe ${module}\`), or take a kernel with ${option}. ${OTHERWISE}`,
    { cause },
  );
}
