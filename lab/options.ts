import { checkLabName } from './names.ts';

/**
 * `flat`: one bridge, all hosts on one subnet. `routed`: each host on a subnet of its own behind a router.
 * `pair`: two hosts on one cable.
 */
export type Underlay = 'flat' | 'routed' | 'pair';

export type StoreKind = 'file' | 'etcd';

export interface LabOptions {
  /** 1 to 16 of a-z and 0-9. */
  readonly name: string;
  /** 1 to 100; default 3, for `pair` 2. Hosts are called a, b, … z, h27, … */
  readonly hosts?: number;
  /** Default `flat`. */
  readonly underlay?: Underlay;
  /** Of the hosts' underlay interfaces; default 1500. */
  readonly mtu?: number;
  /** MTU of the cable between two routers: every other host is behind the second. Only for `routed`. */
  readonly pathMtu?: number | null;
  /** Underlay interfaces segment before the wire and merge after it, as network cards without tunnel offloads do. */
  readonly wire?: boolean;
  /** Pods a host; default 1. */
  readonly pods?: number;
  /** Default `file`: one SQLite file for all hosts. `etcd`: a server inside the lab. */
  readonly store?: StoreKind;
  /** Names of the hosts that are to be in kernel mode, without our programs; default none. */
  readonly kernelHosts?: readonly string[];
  /** Names of the hosts that are to be in user mode; default none. */
  readonly userHosts?: readonly string[];
}

/** Options with every default filled in. */
export type FullLabOptions = Required<LabOptions>;

/** Fills in defaults; throws naming the value that cannot be. */
export function fillOptions(options: LabOptions): FullLabOptions {
  const underlay = options.underlay ?? 'flat';
  const full: FullLabOptions = {
    name: options.name,
    underlay,
    hosts: options.hosts ?? (underlay === 'pair' ? 2 : 3),
    mtu: options.mtu ?? 1500,
    pathMtu: options.pathMtu ?? null,
    wire: options.wire ?? false,
    pods: options.pods ?? 1,
    store: options.store ?? 'file',
    kernelHosts: options.kernelHosts ?? [],
    userHosts: options.userHosts ?? [],
  };
  checkLabName(full.name);
  checkOneOf('underlay', full.underlay, ['flat', 'routed', 'pair']);
  checkOneOf('store', full.store, ['file', 'etcd']);
  checkBetween('hosts', full.hosts, 1, 100);
  checkBetween('pods', full.pods, 0, 50);
  checkBetween('mtu', full.mtu, 576, 65_535);
  if (full.pathMtu !== null) checkBetween('path MTU', full.pathMtu, 576, full.mtu);
  if (full.pathMtu !== null && underlay !== 'routed') {
    throw new Error(`path MTU ${full.pathMtu}: only a routed underlay has a hop in between`);
  }
  if (underlay === 'pair' && full.hosts !== 2) throw new Error(`hosts ${full.hosts}: a pair has 2`);
  return full;
}

/** a, b, … z, h27, h28, … */
export function hostName(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : `h${index + 1}`;
}

function checkBetween(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new Error(`${what} ${value}: must be a whole number from ${least} to ${most}`);
}

function checkOneOf(what: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new Error(`${what} '${value}': must be one of ${allowed.join(', ')}`);
}
