/**
 * Where things are pinned. Under `<bpffs>/tartan/<network>/`: a folder for each generation, with its maps and programs
 * by name, and `links/` with a link for each place that a program is attached to. bpffs allows no dots in names, which
 * devices may have: so a place is told by the device's index.
 */
import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  listFolder,
  makePinFolder,
  removeFolders,
  removeIfEmpty,
  removePinFolder,
} from './bpffs.ts';

/** What a generation is called while it is not complete. */
const UNFINISHED = 'new-';

/** An empty folder that tells whose pins these are: the inode of the network namespace. */
const OWNER = 'netns-';

/** An empty folder for each device whose clsact qdisc we made, by its index. */
const CLSACT = 'clsact-';

export interface Pins {
  readonly network: string;
  readonly root: string;
  generation(name: string): string;
  unfinished(name: string): string;
  /** By the name of the pin: {@link linkName}, unless an earlier version made it. */
  link(name: string): string;
}

export function pinsOf(bpffs: string, network: string): Pins {
  const root = join(bpffs, 'tartan', network);
  return {
    network,
    root,
    generation: (name) => join(root, name),
    unfinished: (name) => join(root, `${UNFINISHED}${name}`),
    link: (name) => join(root, 'links', name),
  };
}

/** The pins of the other networks in the same place. */
export function siblingsOf({ network, root }: Pins): Pins[] {
  const bpffs = dirname(dirname(root));
  return listFolder(dirname(root))
    .filter((name) => name !== network)
    .map((name) => pinsOf(bpffs, name));
}

/** What the link is pinned as that holds a program on a device. */
export function linkName(program: string, ifindex: number): string {
  return `${program}-${ifindex}`;
}

/** The program of a pinned link: versions before this one had one link a program, named after it. */
export function programOfLink(name: string): string {
  return name.replace(/-\d+$/, '');
}

/** What a pinned link's name tells; an `ifindex` of 0: it does not. */
export function placeOfLink(name: string): { program: string; ifindex: number } {
  return { program: programOfLink(name), ifindex: Number(/-(\d+)$/.exec(name)?.[1] ?? 0) };
}

/** What is pinned in a generation. */
export function listGeneration(pins: Pins, name: string): string[] {
  return listFolder(pins.generation(name));
}

/** Names of the generations that are pinned and complete. */
export function listGenerations(pins: Pins): string[] {
  return listFolder(pins.root).filter(
    (name) =>
      name !== 'links' && ![UNFINISHED, OWNER, CLSACT].some((note) => name.startsWith(note)),
  );
}

/** Inodes of the network namespaces, as /proc/self/ns/net shows them, whose pins lie here: one, or none yet. */
export function listOwners(pins: Pins): number[] {
  return listFolder(pins.root)
    .filter((name) => name.startsWith(OWNER))
    .map((name) => Number(name.slice(OWNER.length)));
}

/** Writes down that the pins are this network namespace's. */
export function claimPins(bpffs: string, pins: Pins, networkNamespace: number): void {
  makePinFolder(bpffs, join(pins.root, `${OWNER}${networkNamespace}`));
  for (const inode of listOwners(pins)) {
    if (inode !== networkNamespace) removeIfEmpty(join(pins.root, `${OWNER}${inode}`));
  }
}

/** Indexes of the devices whose clsact qdisc we made. */
export function listMadeQdiscs(pins: Pins): number[] {
  return listFolder(pins.root)
    .filter((name) => name.startsWith(CLSACT))
    .map((name) => Number(name.slice(CLSACT.length)));
}

/** Writes down that a device's clsact qdisc is of our making. */
export function noteMadeQdisc(bpffs: string, pins: Pins, ifindex: number): void {
  makePinFolder(bpffs, join(pins.root, `${CLSACT}${ifindex}`));
}

export function forgetMadeQdisc(pins: Pins, ifindex: number): void {
  removeIfEmpty(join(pins.root, `${CLSACT}${ifindex}`));
}

/** Names of the pinned links. */
export function listLinks(pins: Pins): string[] {
  return listFolder(join(pins.root, 'links'));
}

/** Removes what a run that was cut short left behind. */
export function removeUnfinished(pins: Pins): void {
  for (const name of listFolder(pins.root)) {
    if (name.startsWith(UNFINISHED)) removePinFolder(join(pins.root, name));
  }
}

/** The commit of a load: from here on the generation counts, in the place of one that had lost a pin. */
export function finishGeneration(pins: Pins, name: string): void {
  removePinFolder(pins.generation(name));
  renameSync(pins.unfinished(name), pins.generation(name));
}

/** Unpins a generation. The rename comes first: a run that is cut short leaves no half of one that seems to count. */
export function removeGeneration(pins: Pins, name: string): void {
  removeUnfinished(pins);
  renameSync(pins.generation(name), pins.unfinished(name));
  removeUnfinished(pins);
}

/** Removes the network's folders, and `tartan/` itself, as far as they are empty. */
export function removeEmptyFolders(pins: Pins): void {
  removeIfEmpty(join(pins.root, 'links'));
  if (listFolder(pins.root).some((name) => !name.startsWith(OWNER))) return;
  for (const name of listFolder(pins.root)) removeIfEmpty(join(pins.root, name));
  removeFolders(pins.root, dirname(dirname(pins.root)));
}
