/** Programs on devices: TCX links (Linux 6.6 and later), pinned, so that they outlive the process. */
import { join } from 'node:path';
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
import { listLinks, makePinFolder, type Pins, removePin } from './pins.ts';

/** What a pinned link does. */
export interface FoundLink {
  readonly program: string;
  /** 0: its device is gone. */
  readonly ifindex: number;
  readonly hook: Hook;
  readonly programId: number;
}

export function readLinks(pins: Pins): FoundLink[] {
  return listLinks(pins).map((program) => ({
    program,
    ...withPinned(pins.link(program), readLinkInfo),
  }));
}

export interface Attach {
  readonly program: string;
  readonly ifindex: number;
  readonly hook: Hook;
  readonly generation: string;
}

/**
 * Attaches a generation's program. A link on the same device gets the new program in place, without a packet in
 * between that sees none; one on another device, or on one that is gone, is replaced.
 */
export function attach(
  bpffs: string,
  pins: Pins,
  { program, ifindex, hook, generation }: Attach,
): void {
  withPinned(join(pins.generation(generation), program), (programFd) => {
    const path = pins.link(program);
    const found = readLinks(pins).find((link) => link.program === program);
    if (found?.ifindex === ifindex) {
      withPinned(path, (link) => updateLink(link, programFd));
      return;
    }
    if (found) detach(pins, program);
    makePinFolder(bpffs, join(pins.root, 'links'));
    const link = createLink(programFd, ifindex, hook);
    try {
      pinObject(link, path);
    } finally {
      close(link);
    }
  });
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

/** Takes the program off its device at once, and unpins the link. */
export function detach(pins: Pins, program: string): void {
  const path = pins.link(program);
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
