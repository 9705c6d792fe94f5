import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import type { LabOptions } from '../../lab/options.ts';
import type { RunOptions, RunResult } from '../../lab/process.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import type { TeardownReport } from '../../src/agent/teardown.ts';
import { openMaps } from '../../src/bpf/generation.ts';
import { readPeers } from '../../src/bpf/peer_maps.ts';
import { listGenerations, pinsOf } from '../../src/bpf/pins.ts';

export const CONFIG = { Network: '10.5.0.0/16', Backend: { Type: 'vxlan' } } as const;

/** For `it(…, { skip })`: false, or which of the commands this machine lacks. */
export function lacks(...commands: readonly string[]): string | false {
  const missing = commands.filter((command) => {
    try {
      execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
  return missing.length > 0 && `needs ${missing.join(' and ')}`;
}

/** For a suite: makes labs of one name, one at a time, each gone after its test. */
export function labPerTest(name: string): (options?: Omit<LabOptions, 'name'>) => Promise<Lab> {
  let lab: Lab | undefined;
  afterEach(async () => {
    await lab?.destroy();
    lab = undefined;
  });
  return async (options) => {
    lab = await createLab({ name, pods: 0, ...options });
    return lab;
  };
}

/** The first hosts of a lab. */
export function hostsOf(lab: Lab): [Host, Host] {
  const [a, b = a] = lab.hosts;
  assert(a && b);
  return [a, b];
}

export async function initConfig(lab: Lab, config: object = CONFIG): Promise<void> {
  await hostsOf(lab)[0].tartan(['init-config', '--force', '-'], { input: JSON.stringify(config) });
}

/** What a command printed: one JSON object on one line, and nothing on stderr. */
export function parseReport<T>({ stdout, stderr }: RunResult): T {
  assert.equal(stderr, '');
  assert.match(stdout, /^\{.*\}\n$/);
  return JSON.parse(stdout);
}

export async function join(host: Host, ...args: readonly string[]): Promise<JoinReport> {
  return parseReport(await host.tartan(['join', ...args]));
}

/** A join that takes another subnet than subnet.env has, and says so. */
export async function joinElsewhere(host: Host): Promise<JoinReport> {
  const { stdout, stderr } = await host.tartan(['join']);
  const report: JoinReport = JSON.parse(stdout);
  const said = `the subnet of this host is ${report.subnet}, no longer ${report.formerSubnet}`;
  assert(stderr.includes(said), stderr);
  return report;
}

export async function teardown(host: Host, ...args: readonly string[]): Promise<TeardownReport> {
  return parseReport(await host.tartan(['teardown', ...args]));
}

export interface Refusal {
  readonly exit: 1 | 2 | 75;
  readonly code: string;
  /** Must name the value. */
  readonly message: RegExp;
  /** Must say what to do. */
  readonly hint: RegExp;
}

/** Runs a command that must fail: once for people, once for scripts, both saying the same. */
export async function assertRefuses(
  host: Host,
  args: readonly string[],
  expected: Refusal,
  options: RunOptions = {},
): Promise<void> {
  const settings = { ...options, mayFail: true };
  const shown = await host.tartan(args, settings);
  assertTwoLines(shown, expected);
  assertJsonError(await host.tartan([...args, '--json'], settings), expected);
}

/** What and what to do, on stderr. */
export function assertTwoLines({ code, stdout, stderr }: RunResult, expected: Refusal): void {
  assert.equal(stdout, '');
  const lines = stderr.split('\n');
  assert.equal(lines.length, 3, `two lines, not:\n${stderr}`);
  assert.match(lines[0] ?? '', /^tartan: /);
  assert.match(lines[0] ?? '', expected.message);
  assert.match(lines[1] ?? '', expected.hint);
  assert.equal(code, expected.exit, stderr);
}

export function assertJsonError({ code, stdout, stderr }: RunResult, expected: Refusal): void {
  assert.equal(stderr, '');
  assert.match(stdout, /^\{.*\}\n$/);
  const { error } = JSON.parse(stdout);
  assert.deepEqual(Object.keys(error), ['code', 'message', 'hint']);
  assert.equal(error.code, expected.code);
  assert.match(error.message, expected.message);
  assert.match(error.hint, expected.hint);
  assert.equal(code, expected.exit);
}

/** Subnets in the kernel's peer map, with their PublicIP. */
export function peersInKernel(host: Host): Record<string, string> {
  const pins = pinsOf(host.bpffs, 'default');
  const [generation] = listGenerations(pins);
  if (generation === undefined) return {};
  using maps = openMaps(pins, generation);
  return Object.fromEntries([...readPeers(maps)].map(([subnet, peer]) => [subnet, peer.publicIp]));
}

/** A lease's key in the store, and its value as flannel wrote it. */
export interface StoredLease {
  readonly subnet: string;
  readonly value: string;
  readonly publicIp: string | null;
  /** Whether it ends by itself. */
  readonly hasTtl: boolean;
}

/** Reads the leases without the code under test. */
export async function storedLeases(lab: Lab): Promise<StoredLease[]> {
  const rows = lab.etcd === null ? rowsOfFile(lab) : await rowsOfEtcd(lab);
  return rows.map(({ key, ...row }) => ({
    subnet: key.slice(key.lastIndexOf('/') + 1).replace('-', '/'),
    publicIp: /"PublicIP":"([^"]+)"/.exec(row.value)?.[1] ?? null,
    ...row,
  }));
}

/** Hangs a lease of etcd on a grant that ends sooner. @returns the grant */
export async function grantAnew(lab: Lab, subnet: string, seconds: number): Promise<string> {
  const lease = (await storedLeases(lab)).find((stored) => stored.subnet === subnet);
  const granted = await lab.etcd?.ctl(['lease', 'grant', String(seconds)]);
  const id = /lease (\S+) granted/.exec(granted?.stdout ?? '')?.[1] ?? '';
  const key = `/coreos.com/network/subnets/${subnet.replace('/', '-')}`;
  await lab.etcd?.ctl(['put', '--lease', id, key], { input: lease?.value ?? '' });
  return id;
}

type Row = Pick<StoredLease, 'value' | 'hasTtl'> & { readonly key: string };

function rowsOfFile(lab: Lab): Row[] {
  const database = new DatabaseSync(`${folderOf(lab.name)}/store.db`, { readOnly: true });
  try {
    return database
      .prepare("SELECT key, value, expires_at FROM entries WHERE key LIKE '%/subnets/%'")
      .all()
      .map(({ key, value, expires_at }) => ({
        key: String(key),
        value: String(value),
        hasTtl: expires_at !== null,
      }));
  } finally {
    database.close();
  }
}

async function rowsOfEtcd(lab: Lab): Promise<Row[]> {
  const prefix = '/coreos.com/network/subnets/';
  const got = await lab.etcd?.ctl(['get', '--prefix', prefix, '--write-out=json']);
  const { kvs = [] } = JSON.parse(got?.stdout ?? '{}') as {
    kvs?: { key: string; value: string; lease?: number }[];
  };
  const text = (base64: string) => Buffer.from(base64, 'base64').toString();
  return kvs.map(({ key, value, lease }) => ({
    key: text(key),
    value: text(value),
    hasTtl: lease !== undefined,
  }));
}

export function readSubnetEnv(host: Host): string {
  return readFileSync(host.subnetFile, 'utf8');
}
