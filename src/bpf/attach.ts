/** Programs on devices, whatever holds them there. */
import { join } from 'node:path';
import { withPinned } from './bpffs.ts';
import {
  attachFilter,
  detachAllFilters,
  detachFilters,
  readFilters,
  removeMadeQdiscs,
} from './filters.ts';
import { attachLink, detachAllLinks, detachLinks, readLinks } from './links.ts';
import type { Pins } from './pins.ts';
import type { AttachSite, Found, Place } from './place.ts';

/** Everything of this network that is attached. An `ifindex` of 0: the device is gone, and the pin is left. */
export function readAttached(pins: Pins): Found[] {
  return [...readLinks(pins), ...readFilters(pins)];
}

/**
 * Attaches a generation's program. One of ours that is there already makes place for it without a packet in between
 * that sees none.
 */
export function attach(place: Place & AttachSite, generation: string): void {
  const path = join(place.pins.generation(generation), place.program);
  withPinned(path, (programFd) => {
    if (place.by === 'clsact') attachFilter(place, programFd);
    else attachLink(place, programFd);
  });
}

/** Takes a program off its device. */
export function detach(pins: Pins, place: Place): void {
  if (place.by === 'clsact') detachFilters(pins, place);
  else detachLinks(pins, place);
}

/** Takes all programs off their devices, and removes what was made to hold them there. */
export function detachAll(pins: Pins): void {
  detachAllLinks(pins);
  detachAllFilters(pins);
  removeMadeQdiscs(pins);
}
