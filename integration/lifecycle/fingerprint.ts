import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Host } from '../../lab/host.ts';
import { inNamespace } from '../../lab/in_namespace.ts';
import type { Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { getPinned } from '../../src/sys/bpf.ts';
import { type Hook, hasTcx, queryTcx } from '../../src/sys/bpf_links.ts';
import { close } from '../../src/sys/libc.ts';
import { listFilters } from '../../src/sys/tc.ts';

/** `ip -details -json addr` */
export interface LinkReport {
  readonly ifindex: number;
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly address: string;
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

/** `ip -json route` */
export interface RouteReport {
  readonly dst: string;
  readonly dev: string;
  readonly gateway?: string;
  readonly protocol: string;
}

/** All that a command could have changed on a host. */
export interface Fingerprint {
  readonly links: readonly LinkReport[];
  readonly routes: readonly RouteReport[];
  readonly vnis: readonly object[];
  /** Without one of tc's own there is no filter of tc. */
  readonly qdiscs: readonly object[];
  /** Program ids by `device hook`, of TCX and behind them of tc's filters. */
  readonly attached: Readonly<Record<string, readonly number[]>>;
  /** Kernel ids by path below the BPF file system. */
  readonly pins: Readonly<Record<string, string>>;
  /** Mode, time and content by path below the host's folder. */
  readonly files: Readonly<Record<string, string>>;
}

export function fingerprint(host: Host): Fingerprint {
  return inNamespace(host, () => {
    const links = ask<LinkReport>('ip', '-details', '-json', 'addr');
    const hooks = links.flatMap(({ ifname, ifindex }) =>
      (['ingress', 'egress'] as const).map(
        (hook) => [`${ifname} ${hook}`, programsOn(ifindex, hook)] as const,
      ),
    );
    return {
      links,
      routes: ask<RouteReport>('ip', '-details', '-json', 'route', 'show', 'table', 'all'),
      // Before the first vxlan device, a kernel with modules does not know the question.
      vnis: links.some(isVxlan) ? ask('bridge', '-json', 'vni', 'show') : [],
      qdiscs: ask('tc', '-json', 'qdisc', 'show'),
      attached: Object.fromEntries(hooks.filter(([, ids]) => ids.length > 0)),
      pins: describeAll(host.bpffs, idsOf),
      files: describeAll(dirname(host.subnetFile), describeFile),
    };
  });
}

function isVxlan({ linkinfo }: LinkReport): boolean {
  return linkinfo?.info_kind === 'vxlan';
}

function programsOn(ifindex: number, hook: Hook): number[] {
  const filters = listFilters({ ifindex, hook }).filter(({ kind }) => kind === 'bpf');
  const links = hasTcx() ? queryTcx(ifindex, hook) : [];
  return [...links, ...filters.map(({ programId }) => programId)];
}

/** Tells whether the store has changed by one byte: a hash of the SQLite file, or all of etcd with its grants. */
export async function storeBytes(lab: Lab): Promise<string> {
  if (lab.etcd === null) {
    const files = ['store.db', 'store.db-wal'].map((name) => `${folderOf(lab.name)}/${name}`);
    const hash = createHash('sha256');
    for (const path of files.filter((file) => existsSync(file))) hash.update(readFileSync(path));
    return hash.digest('hex');
  }
  const keys = await lab.etcd.ctl(['get', '--prefix', '', '--write-out=json']);
  const { kvs, header } = JSON.parse(keys.stdout);
  const grants = await lab.etcd.ctl(['lease', 'list']);
  return JSON.stringify({ kvs, revision: header.revision, grants: grants.stdout });
}

function ask<T extends object>(command: string, ...argv: string[]): T[] {
  const text = execFileSync(command, argv, { encoding: 'utf8' });
  return text.trim() === '' ? [] : JSON.parse(text);
}

/** By relative path; folders end with a slash. */
function describeAll(root: string, describe: (path: string) => string): Record<string, string> {
  const paths = pathsBelow(root, '').sort();
  return Object.fromEntries(paths.map((path) => [path, describe(`${root}/${path}`)]));
}

function pathsBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [`${path}/`, ...pathsBelow(root, path)] : [path];
  });
}

/** The `map_id`, `prog_id` and `link_id` lines of /proc/self/fdinfo. */
function idsOf(path: string): string {
  if (path.endsWith('/')) return 'folder';
  const fd = getPinned(path);
  try {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
    return [...info.matchAll(/^(map_id|prog_id|link_id):\s*(\d+)/gm)]
      .map(([, kind, id]) => `${kind} ${id}`)
      .join(', ');
  } finally {
    close(fd);
  }
}

/** A folder's time changes with every file that is written beside and renamed. */
function describeFile(path: string): string {
  const { mode, mtimeNs } = lstatSync(path, { bigint: true });
  if (path.endsWith('/')) return `folder ${mode.toString(8)}`;
  return `${mode.toString(8)} ${mtimeNs} ${readFileSync(path, 'utf8')}`;
}
