/** Programs on devices by links, TCX's (Linux 6.6 and later) and XDP's: pinned, so that they outlive the process. */
import { dirname } from 'node:path';
import { TartanError } from '../errors.ts';
import { pinObject } from '../sys/bpf.ts';
import {
  createTcxLink,
  createXdpLink,
  detachLink,
  readLinkInfo,
  updateLink,
} from '../sys/bpf_links.ts';
import { close, SystemError } from '../sys/libc.ts';
import { makePinFolder, removePin, withPinned } from './bpffs.ts';
import { linkName, listLinks, type Pins, programOfLink } from './pins.ts';
import { type AttachSite, type Found, isAt, type Place } from './place.ts';

/** What a pinned link does. An `ifindex` of 0: its device is gone. */
export interface FoundLink extends Found {
  /** Of the pin. */
  readonly name: string;
}

/**
 * Whoever only looks holds no lock: a link may be unpinned meanwhile.
 * @param isWanted by the name of the pin
 */
export function readLinks(
  pins: Pins,
  isWanted: (name: string) => boolean = () => true,
): FoundLink[] {
  return listLinks(pins).flatMap((name) => {
    if (!isWanted(name)) return [];
    try {
      const info = withPinned(pins.link(name), readLinkInfo);
      return [{ name, program: programOfLink(name), ...info }];
    } catch (error) {
      if (error instanceof SystemError && error.errno === 'ENOENT') return [];
      throw error;
    }
  });
}

/**
 * Attaches a program. A link that is there already gets the new program in place, without a packet in between that sees
 * none. Links whose devices are gone are swept away.
 */
export function attachLink(place: Place & AttachSite, programFd: number): void {
  const { pins } = place;
  const found = readLinks(pins);
  for (const { name, ifindex } of found) if (ifindex === 0) unpin(pins, name);
  const there = found.find((link) => isAt(place, link));
  if (there) withPinned(pins.link(there.name), (link) => updateLink(link, programFd));
  else pinLink(place, programFd);
}

function pinLink(place: Place & AttachSite, programFd: number): void {
  const { pins, bpffs } = place;
  const path = pins.link(linkName(place.program, place.ifindex));
  makePinFolder(bpffs, dirname(path));
  const link = place.by === 'xdp' ? createXdp(programFd, place) : createTcx(programFd, place);
  try {
    pinObject(link, path);
  } finally {
    close(link);
  }
}

/** How long the kernel may take to let go of a link whose pin is gone, and the pause between two tries. */
const RELEASE_MS = 500;
const PAUSE_MS = 5;

/** Until then the program counts as attached there (EEXIST). */
function onceReleased<T>(create: () => T): T {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let left = RELEASE_MS / PAUSE_MS; ; left -= 1) {
    try {
      return create();
    } catch (error) {
      const isThere = error instanceof SystemError && error.errno === 'EEXIST';
      if (!isThere || left === 0) throw error;
      Atomics.wait(pause, 0, 0, PAUSE_MS);
    }
  }
}

function createTcx(programFd: number, { ifindex, hook }: Place): number {
  try {
    return onceReleased(() => createTcxLink(programFd, ifindex, hook));
  } catch (cause) {
    if (!(cause instanceof SystemError) || cause.errno !== 'EINVAL') throw cause;
    throw new TartanError(
      'MISSING',
      'this kernel has no TCX, by which the programs are to be attached',
      'It takes Linux 6.6 or later; or give --attach clsact.',
      { cause },
    );
  }
}

/** By the driver; where it has none, by the kernel's generic way, if that is allowed. */
function createXdp(programFd: number, { ifindex, genericXdp }: Place & AttachSite): number {
  try {
    return createXdpLink(programFd, ifindex, 'native');
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    if (cause.errno === 'EOPNOTSUPP' && genericXdp)
      return createXdpLink(programFd, ifindex, 'generic');
    throw new TartanError(
      'INTERFACE',
      `XDP cannot be attached: ${XDP_REASONS[cause.errno] ?? cause.errno}`,
      XDP_HINT,
      { cause },
    );
  }
}

const XDP_HINT = 'Leave --attach out, or insist with --force.';
const XDP_REASONS: Readonly<Record<string, string>> = {
  EOPNOTSUPP: "the driver has no native XDP, or not with the interface's features as they are set",
  EBUSY: 'somebody else has a program there',
  EEXIST: 'somebody else has a program there',
};

/** Takes the program off that device at once, and unpins the link. */
export function detachLinks(pins: Pins, place: Place): void {
  for (const link of readLinks(pins)) if (isAt(place, link)) unpin(pins, link.name);
}

/** Takes the programs off all devices, and unpins the links, those too whose devices are gone. */
export function detachAllLinks(pins: Pins): void {
  for (const name of listLinks(pins)) unpin(pins, name);
}

/** The pin first: should this process end in between, the link ends with it. A pin without a program nobody would miss. */
function unpin(pins: Pins, name: string): void {
  const path = pins.link(name);
  withPinned(path, (link) => {
    removePin(path);
    try {
      detachLink(link);
    } catch (error) {
      // The device is gone, and the link has nothing left to be detached from.
      if (!(error instanceof SystemError) || error.errno !== 'ENOLINK') throw error;
    }
  });
}
