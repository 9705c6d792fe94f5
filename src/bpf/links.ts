/** Programs on devices: TCX links (Linux 6.6 and later), pinned, so that they outlive the process. */
import { dirname, join } from 'node:path';
import { TartanError } from '../errors.ts';
import {
  createTcxLink,
  detachLink,
  type Hook,
  pinObject,
  readLinkInfo,
  updateLink,
} from '../sys/bpf.ts';
import { close, SystemError } from '../sys/libc.ts';
import { withPinned } from './generation.ts';
import { linkName, listLinks, makePinFolder, type Pins, programOfLink, removePin } from './pins.ts';

/** What a pinned link does. */
export interface FoundLink {
  /** Of the pin. */
  readonly name: string;
  readonly program: string;
  /** 0: its device is gone. */
  readonly ifindex: number;
  readonly hook: Hook;
  readonly programId: number;
}

export function readLinks(pins: Pins): FoundLink[] {
  return listLinks(pins).map((name) => ({
    name,
    program: programOfLink(name),
    ...withPinned(pins.link(name), readLinkInfo),
  }));
}

/** A program on one hook of one device. */
export interface Place {
  readonly program: string;
  readonly ifindex: number;
  readonly hook: Hook;
}

/**
 * Attaches a generation's program. A link that is there already gets the new program in place, without a packet in
 * between that sees none. Links whose devices are gone are swept away.
 */
export function attach(bpffs: string, pins: Pins, place: Place, generation: string): void {
  withPinned(join(pins.generation(generation), place.program), (programFd) => {
    const found = readLinks(pins);
    for (const { name, ifindex } of found) if (ifindex === 0) unpin(pins, name);
    const there = found.find((link) => isAt(place, link));
    if (there) withPinned(pins.link(there.name), (link) => updateLink(link, programFd));
    else pinLink(bpffs, pins, place, programFd);
  });
}

function isAt(place: Place, link: FoundLink): boolean {
  return (
    link.program === place.program && link.ifindex === place.ifindex && link.hook === place.hook
  );
}

function pinLink(bpffs: string, pins: Pins, place: Place, programFd: number): void {
  const { program, ifindex, hook } = place;
  const path = pins.link(linkName(program, ifindex));
  makePinFolder(bpffs, dirname(path));
  const link = createLink(programFd, ifindex, hook);
  try {
    pinObject(link, path);
  } finally {
    close(link);
  }
}

function createLink(programFd: number, ifindex: number, hook: Hook): number {
  try {
    return createTcxLink(programFd, ifindex, hook);
  } catch (cause) {
    if (!(cause instanceof SystemError) || cause.errno !== 'EINVAL') throw cause;
    throw new TartanError(
      'MISSING',
      'this kernel has no TCX, by which the programs are attached',
      'It takes Linux 6.6 or later.',
      { cause },
    );
  }
}

/** Takes the program off that device at once, and unpins the link. */
export function detach(pins: Pins, place: Place): void {
  for (const link of readLinks(pins)) if (isAt(place, link)) unpin(pins, link.name);
}

/** Takes the programs off all devices, and unpins the links, those too whose devices are gone. */
export function detachAll(pins: Pins): void {
  for (const name of listLinks(pins)) unpin(pins, name);
}

function unpin(pins: Pins, name: string): void {
  const path = pins.link(name);
  withPinned(path, (link) => {
    try {
      detachLink(link);
    } catch (error) {
      // The device is gone, and the link has nothing left to be detached from.
      if (!(error instanceof SystemError) || error.errno !== 'ENOLINK') throw error;
    }
  });
  removePin(path);
}
