/** A host in the model, its devices and its pinned sets. */
import assert from 'node:assert/strict';
import type { Attachment } from '../../src/plan/dataplane.ts';
import type { Generation } from '../../src/plan/generations.ts';
import type { Link, VxlanLink } from '../../src/plan/links.ts';
import type { Op } from '../../src/plan/op.ts';
import type { ObservedState } from '../../src/plan/state.ts';
import { routesIn, type TableRoute } from './route_model.ts';

export interface Host extends ObservedState {
  /** Interfaces that are not ours, which programs are attached to as well. */
  readonly interfaces: readonly string[];
  /** All routes, which {@link ObservedState.routes} follow from. */
  readonly table: readonly TableRoute[];
}

export function withTable<T>(host: T, table: readonly TableRoute[]) {
  return { ...host, table, routes: routesIn(table) };
}

export function hasDevice({ links, interfaces }: Host, name: string): boolean {
  return interfaces.includes(name) || links.some((link) => link.name === name);
}

export function ourLink({ links }: Host, name: string): Link {
  const link = links.find((one) => one.name === name);
  assert(link && link.kind !== 'foreign', `no device ${name} of ours`);
  return link;
}

/** A VNI filter is filled by an op of its own, and a device is down at first. */
export function asMade(link: Link): Link {
  return link.kind === 'vxlan' ? { ...link, vni: null, up: false } : { ...link, up: false };
}

export function changeFilter(
  host: Host,
  name: string,
  change: (link: VxlanLink) => VxlanLink,
): Host {
  return changeLink(host, name, (link) => {
    assert(link.kind === 'vxlan', `${name} has no VNI filter`);
    return change(link);
  });
}

export function changeLink(host: Host, name: string, change: (link: Link) => Link): Host {
  const changed = change(ourLink(host, name));
  return { ...host, links: host.links.map((link) => (link.name === name ? changed : link)) };
}

/** Addresses, routes and attachments go with their device; settings that name it are void. */
export function removeLink(host: Host, name: string): Host {
  assert(hasDevice(host, name), `no device ${name}`);
  const stays = ({ device }: { device: string }) => device !== name;
  const generations = [...host.generations].map(([key, found]): [string, Generation] => {
    const { settings } = found;
    const isVoid = settings?.device === name || settings?.underlay === name;
    return [key, isVoid ? { ...found, settings: null } : found];
  });
  return {
    ...withTable(host, host.table.filter(stays)),
    links: host.links.filter((link) => link.name !== name),
    addresses: host.addresses.filter(stays),
    neighbors: host.neighbors.filter(stays),
    fdb: host.fdb.filter(stays),
    attachments: host.attachments.filter(stays),
    generations: new Map(generations),
  };
}

export function isAt(place: Attachment, one: Attachment): boolean {
  const { program, device, hook, by } = place;
  return program === one.program && device === one.device && hook === one.hook && by === one.by;
}

export function programsOn({ attachments }: Host, name: string): number {
  return attachments.filter(({ device, generation }) => device === name && generation !== null)
    .length;
}

export function generationOf({ generations }: Host, name: string): Generation {
  const found = generations.get(name);
  assert(found && !found.flaw, `no generation ${name}`);
  return found;
}

/** Where a peer's place is, the settings say. */
export function writable(host: Host, name: string): Generation {
  const found = generationOf(host, name);
  assert(found.settings, `${name} has no settings yet`);
  return found;
}

export function setGeneration(host: Host, name: string, generation: Generation): Host {
  return { ...host, generations: new Map(host.generations).set(name, generation) };
}

/**
 * Takes the place of one that had lost a pin, whose programs stay where they are attached. What its predecessor holds it
 * holds as well, but for what depends on the numbering, where that is another.
 */
export function load(host: Host, op: Op & { op: 'bpf.load' }): Host {
  const { generation: name, from, renumbered } = op;
  const found = host.generations.get(name);
  assert(!found || found.flaw?.kind === 'incomplete', `${name} is pinned`);
  const before = found ? unload(host, name) : host;
  const empty: Generation = { settings: null, peers: new Map(), endpoints: new Map() };
  if (from === null) return setGeneration(before, name, empty);
  const old = generationOf(host, from);
  const taken = renumbered ? { ...empty, endpoints: old.endpoints } : old;
  return setGeneration(before, name, taken);
}

/** What is attached goes on, but belongs to no pinned set any more. */
export function unload(host: Host, name: string): Host {
  assert(host.generations.has(name), `no generation ${name}`);
  const generations = new Map(host.generations);
  generations.delete(name);
  const attachments = host.attachments.map((one): Attachment & { generation: string | null } =>
    one.generation === name ? { ...one, generation: null } : one,
  );
  return { ...host, generations, attachments };
}
