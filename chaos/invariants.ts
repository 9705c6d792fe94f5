/** What must hold: the model's invariants (test/model/check.ts), on real hosts. */

import { peersInKernel, type StoredLease, storedLeases } from '../integration/lifecycle/support.ts';
import { waitFor } from '../lab/ready.ts';
import { pingMatrix } from '../lab/traffic.ts';
import type { JoinPreview } from '../src/agent/join.ts';
import { subnetOf } from './leases.ts';
import type { Player } from './player.ts';
import type { Stage } from './stage.ts';

/** After the last act; a connection that was cut is noticed after 15 s, and tried again after 5 at most. */
const SETTLE = { limitSeconds: 60, everyMilliseconds: 500 } as const;

/** The subnets of all hosts when they had joined, by their names. */
export type Beginning = ReadonlyMap<string, string | null>;

/** Looks at the store while things go on. @returns what is wrong; nothing if the store is away */
export async function flawsNow(stage: Stage, before: Beginning): Promise<string[]> {
  const leases = await storedLeases(stage.lab).catch(() => null);
  if (leases === null) return [];
  return [...flawsOfOthers(stage, leases), ...flawsOfKeepers(stage, leases, before)];
}

/** Nobody has lost a lease but those that were made to: theirs stands, and is the only one. */
function flawsOfKeepers(
  { players, bereft }: Stage,
  leases: readonly StoredLease[],
  before: Beginning,
): string[] {
  // Those are noted before it happens: who is not noted now was not while the store was asked.
  const keepers = players.filter(({ name }) => !bereft.has(name));
  return keepers.flatMap(({ name, host }) => {
    const had = before.get(name);
    const own = leases.filter(({ publicIp }) => publicIp === host.address);
    const others = players.filter((other) => other.name !== name && subnetOf(other.host) === had);
    return [
      ...(own.length === 1 && own[0]?.subnet === had
        ? []
        : [`${name} had ${had}, and the store had ${subnetsOf(own)} for it`]),
      ...others.map((other) => `${other.name} took ${had} for its own, which is ${name}'s`),
    ];
  });
}

function subnetsOf(leases: readonly StoredLease[]): string {
  return leases.map(({ subnet }) => subnet).join(' and ') || 'nothing';
}

function flawsOfOthers(stage: Stage, leases: readonly StoredLease[]): string[] {
  return [...flawsOfReservation(stage, leases), ...flawsOfStrangers(stage, leases)];
}

/** What another node has taken is its own. */
function flawsOfStrangers({ taken }: Stage, leases: readonly StoredLease[]): string[] {
  return [...taken].flatMap(([subnet, publicIp]) => {
    const lease = leases.find((each) => each.subnet === subnet);
    if (lease?.publicIp === publicIp) return [];
    return [`${subnet} was taken by ${publicIp}, and belongs to ${lease?.publicIp ?? 'nobody'}`];
  });
}

/** A reservation never expires, and belongs to its PublicIP. */
function flawsOfReservation(
  { reserved: { player, subnet } }: Stage,
  leases: readonly StoredLease[],
): string[] {
  const lease = leases.find((each) => each.subnet === subnet);
  if (lease === undefined) return [`the reservation of ${subnet} is gone`];
  const flaws: string[] = [];
  if (lease.hasTtl) flaws.push(`the reservation of ${subnet} has got an end`);
  if (lease.publicIp !== player.host.address)
    flaws.push(`the reservation of ${subnet} belongs to ${lease.publicIp}`);
  return flaws;
}

/**
 * Who keeps contact keeps its subnet, and is never told otherwise; cut off for less than its lease lasts is contact. Who
 * loses it is told so once.
 */
export function flawsOfOwners({ players, bereft }: Stage, before: Beginning): string[] {
  return players.flatMap((player) => {
    const { name } = player;
    const losses = bereft.get(name) ?? 0;
    const lost = player.events().filter(({ type }) => type === 'lost');
    const [had, has] = [before.get(name), subnetOf(player.host)];
    return [
      ...lost.slice(losses).map(({ time, message }) => `${name} was told at ${time}: ${message}`),
      ...(had === has || bereft.has(name)
        ? []
        : [`${name} had ${had} and has ${has}, though nobody took it`]),
    ];
  });
}

/** Waits until all is as it should be again. @returns what is not, after the limit */
export async function flawsAtRest(stage: Stage): Promise<string[]> {
  let flaws: string[] = ['nobody has looked'];
  const settled = waitFor(
    'all is well',
    async () => {
      await stage.traffic.follow();
      flaws = await flawsOfRest(stage);
      return flaws.length === 0;
    },
    SETTLE,
  );
  await settled.catch(() => undefined);
  return flaws;
}

async function flawsOfRest(stage: Stage): Promise<string[]> {
  const leases = await storedLeases(stage.lab);
  const flaws = flawsOfOthers(stage, leases);
  for (const player of stage.players) {
    flaws.push(...flawsOfHost(player, leases));
    const own = leases.find(({ publicIp }) => publicIp === player.host.address);
    if (own?.hasTtl === false && player !== stage.reserved.player)
      flaws.push(`the lease of ${player.name} has no end`);
  }
  const subnets = stage.players.map(({ host }) => subnetOf(host));
  if (new Set(subnets).size !== subnets.length) flaws.push(`two have one subnet: ${subnets}`);
  if (flaws.length > 0) return flaws;
  const pods = stage.players.flatMap(({ host }) => host.pods.slice(0, 1));
  const reached = await pingMatrix(pods);
  reached.forEach((row, from) => {
    row.forEach((isReached, to) => {
      if (!isReached) flaws.push(`${pods[from]?.name} does not reach ${pods[to]?.name}`);
    });
  });
  return flaws;
}

/** It has one lease in the store, and its peer map has all others. */
function flawsOfHost({ name, host }: Player, leases: readonly StoredLease[]): string[] {
  const own = leases.filter(({ publicIp }) => publicIp === host.address);
  const subnet = subnetOf(host);
  if (own.length !== 1 || own[0]?.subnet !== subnet) {
    return [`${name} takes ${subnet} for its own, the store has ${subnetsOf(own)} for it`];
  }
  const others = leases.filter((lease) => lease.subnet !== subnet);
  const wanted = others.map((lease) => `${lease.subnet} ${lease.publicIp}`).sort();
  const known = Object.entries(peersInKernel(host)).map(([key, ip]) => `${key} ${ip}`);
  if (known.sort().join() === wanted.join()) return [];
  return [`${name} has the peers ${known.join(', ')}; the store has ${wanted.join(', ')}`];
}

/** When all have ended, nothing is left to be done on any host. */
export async function flawsAfterwards({ players }: Stage): Promise<string[]> {
  const flaws = await Promise.all(
    players.map(async (player) => {
      await player.stopWatch();
      const { code, stdout, stderr } = await player.tartan(['join', '--dry-run']);
      if (code !== 0) return [`${player.name}: join --dry-run ended with ${code}: ${stderr}`];
      const { lease, ops } = JSON.parse(stdout) as JoinPreview;
      const left: string[] = ops.map(({ op }) => op);
      if (lease.action === 'create') left.push(`take ${lease.subnet}`);
      left.push(...lease.remove.map((subnet) => `give ${subnet} back`));
      return left.length === 0 ? [] : [`${player.name}: left to be done: ${left.join(', ')}`];
    }),
  );
  return [...flaws.flat(), ...players.flatMap((player) => player.flaws())];
}
