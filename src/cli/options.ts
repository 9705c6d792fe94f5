import { DATAPLANES } from '../agent/dataplane.ts';
import { DEFAULT_NETWORK } from '../agent/world.ts';
import { BENCH_OPTIONS } from './bench_options.ts';
import { DOCKER_OPTIONS } from './docker_options.ts';
import { NETWORKS_OPTIONS } from './networks_options.ts';
import {
  type CommandName,
  EVERY,
  HOST,
  JOINED,
  LOOKING,
  NODE,
  type OptionSpec,
} from './option_spec.ts';
import { SERVE_OPTIONS } from './serve_options.ts';
import { STORE_OPTIONS } from './store_options.ts';
import {
  choice,
  integer,
  ipv4,
  list,
  localIpv4,
  logLevel,
  networkName,
  pattern,
  text,
  toggle,
  truth,
  type Value,
} from './values.ts';

export type { CommandName, OptionSpec } from './option_spec.ts';

/** Every option there is, by flag, in the order of the help. */
export const OPTIONS = {
  ...STORE_OPTIONS,
  network: {
    value: networkName('<name>'),
    initial: DEFAULT_NETWORK,
    help: 'which network of this host, if it has several; each has its own store or prefix, VNI and subnet file',
    commands: JOINED,
  },
  ...NETWORKS_OPTIONS,
  iface: {
    value: list('<name|ip>'),
    initial: [],
    help: 'underlay interface, by name or address; may be repeated, the first match wins (default: that of the default route)',
    commands: LOOKING,
  },
  'iface-regex': {
    value: pattern('<expression>'),
    initial: [],
    help: 'regular expression for the name or an address of the underlay interface; may be repeated, the first match wins; after --iface',
    commands: LOOKING,
  },
  'iface-can-reach': {
    value: ipv4('<ip>'),
    initial: null,
    help: 'address to which packets leave by the underlay interface, where neither of those is given',
    commands: LOOKING,
  },
  'public-ip': {
    value: ipv4('<ip>'),
    initial: null,
    help: "address under which other hosts reach this one, also behind NAT (default: the interface's own)",
    commands: LOOKING,
  },
  'subnet-file': {
    value: text('<path>'),
    initial: '/run/flannel/subnet.env',
    help: 'file that tells the CNI plugin or Docker the subnet',
    commands: [...HOST, 'docker-opts'],
    short: '-f',
    shortIn: ['docker-opts'],
  },
  'subnet-lease-renew-margin': {
    value: integer('<minutes>', 1, 1439),
    initial: 60,
    help: 'minutes before its end at which a lease is renewed, 1 to 1439',
    commands: NODE,
  },
  'on-subnet-change': {
    value: text('<command>'),
    initial: null,
    help: "shell command to run when this host's subnet has become another, with TARTAN_NETWORK, TARTAN_OLD_SUBNET, TARTAN_NEW_SUBNET and what is in subnet.env; ended after 30 s",
    commands: NODE,
  },
  'reconcile-interval': {
    value: integer('<seconds>', 1, 86_400),
    initial: 10,
    help: 'seconds between two looks at what really stands in the kernel, whatever is heard of it',
    commands: ['watch', 'run'],
  },
  dataplane: {
    value: choice('<mode>', DATAPLANES),
    initial: 'auto',
    help: "what carries the packets: bpf, kernel (its vxlan or FOU, as flannel's on the wire), user (of udp: tartan relay), or auto: bpf where it can be loaded",
    commands: LOOKING,
  },
  bpffs: {
    value: text('<path>'),
    initial: '/sys/fs/bpf',
    help: 'BPF file system that programs and maps are pinned in',
    commands: [...HOST, 'endpoint'],
  },
  'state-dir': {
    value: text('<path>'),
    initial: '/run/tartan',
    help: 'folder for what teardown and renew must know',
    commands: JOINED,
  },
  'ip-masq': {
    value: toggle(),
    initial: false,
    help: 'masquerade what leaves the network, and what enters it from elsewhere but for the own subnet; needs nft',
    commands: LOOKING,
  },
  'iptables-forward-rules': {
    value: truth('<true|false>'),
    initial: true,
    help: "accept the network's packets in chains of iptables that would drop what the host forwards: FORWARD, DOCKER-USER",
    commands: LOOKING,
  },
  'ip-blackhole-route': {
    value: toggle(),
    initial: false,
    help: 'drop what is for pods of this host that are not there, by a blackhole route to the own subnet',
    commands: LOOKING,
  },
  'iptables-resync': {
    value: integer('<seconds>', 1, 86_400),
    initial: null,
    help: 'seconds between two looks at those rules, if fewer than --reconcile-interval',
    commands: ['watch', 'run'],
  },
  attach: {
    value: choice('<how>', ['auto', 'tcx', 'clsact', 'xdp']),
    initial: 'auto',
    help: 'how programs are attached: tcx, or clsact for Linux before 6.6; auto takes tcx where there is it; xdp: and one program more by XDP on the underlay',
    commands: LOOKING,
  },
  force: {
    value: toggle(),
    initial: false,
    help: 'init-config: replace a different config; join, watch and run: --attach xdp also where it is slower; lease release: remove any lease at once',
    commands: ['init-config', 'join', 'watch', 'run', 'lease'],
  },
  'healthz-ip': {
    value: localIpv4('<ip>'),
    initial: '0.0.0.0',
    help: 'own address at which /healthz, /readyz and /metrics are answered',
    commands: ['run'],
  },
  'healthz-port': {
    value: integer('<port>', 0, 65_535),
    initial: 0,
    help: 'TCP port at which /healthz, /readyz and /metrics (for Prometheus) are answered; 0: none',
    commands: ['run'],
  },
  'keep-lease': {
    value: toggle(),
    initial: false,
    help: 'do not give the lease back, so that this host gets the same subnet again',
    commands: ['teardown'],
  },
  'dry-run': {
    value: toggle(),
    initial: false,
    help: 'print what would be done as JSON and change nothing',
    commands: ['init-config', 'join', 'teardown'],
  },
  watch: {
    value: toggle(),
    initial: false,
    help: 'look again and again until a signal: on a terminal a live screen, with rates; with --json a line for each look',
    commands: ['status'],
    short: '-w',
  },
  interval: {
    value: integer('<seconds>', 1, 3600),
    initial: 2,
    help: 'seconds between two looks of --watch',
    commands: ['status'],
  },
  ...SERVE_OPTIONS,
  ...DOCKER_OPTIONS,
  device: {
    value: text('<name>'),
    initial: 'flannel0',
    help: 'the TUN between the host and the relay',
    commands: ['relay'],
  },
  'listen-port': {
    value: integer('<port>', 1, 65_535),
    initial: 8285,
    help: "UDP port of this host and of all others: the network config's Port",
    commands: ['relay'],
  },
  bind: {
    value: localIpv4('<ip>'),
    initial: null,
    help: 'own address to serve on, or to measure from (default: any)',
    commands: ['relay', 'bench'],
    short: '-B',
  },
  ...BENCH_OPTIONS,
  json: {
    value: toggle(),
    initial: false,
    help: 'print errors as JSON on stdout instead of two lines on stderr, and what lease list and status find as JSON instead of a table',
    commands: EVERY,
  },
  'log-level': {
    value: logLevel('<level>'),
    initial: 'warn',
    help: "what to log on stderr: error, warn, info or debug; as flanneld's -v, 0 is info and more is debug",
    commands: EVERY,
    short: '-v',
  },
} as const satisfies Record<string, OptionSpec<unknown, unknown>>;

type Table = typeof OPTIONS;
export type OptionName = keyof Table;

type Widened<D> = D extends null ? null : never;

/** The value of every option, by flag; those that a command does not have stand at their initial value. */
export type Options = {
  readonly [Name in OptionName]:
    | (Table[Name]['value'] extends Value<infer T> ? T : never)
    | Widened<Table[Name]['initial']>;
};

/** `FLANNELD_ETCD_ENDPOINTS` for `etcd-endpoints`: flannel's spelling, kept for the options that are only ours. */
export function variableOf(name: OptionName): string {
  return `FLANNELD_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** The table's row in its general form. */
export function specOf(name: OptionName): OptionSpec<unknown, unknown> {
  return OPTIONS[name];
}

/** The options of a command, in the order of the help. */
export function optionsOf(command: CommandName): OptionName[] {
  const names = Object.keys(OPTIONS) as OptionName[];
  return names.filter((name) => specOf(name).commands.includes(command));
}
