/**
 * What can be done with pins where bpf(2) is denied: nothing of them can be read, but a file system lets them be removed,
 * and a link that nobody holds any more leaves its device. Filters are rtnetlink's business and do as always.
 */
import { SystemError } from '../sys/libc.ts';
import { detach, detachAll, readAttached } from './attach.ts';
import { removePin } from './bpffs.ts';
import { detachAllFilters, readFilters, removeMadeQdiscs } from './filters.ts';
import { linkName, listLinks, type Pins, placeOfLink } from './pins.ts';
import type { Found, Place } from './place.ts';

/** What `read` gives, or `otherwise` where there is no right to bpf(2) (seccomp, a capability), or no such call. */
export function unlessDenied<T>(read: () => T, otherwise: () => T): T {
  try {
    return read();
  } catch (error) {
    const isDenied =
      error instanceof SystemError && ['EPERM', 'EACCES', 'ENOSYS'].includes(error.errno);
    if (!isDenied) throw error;
    return otherwise();
  }
}

/** Everything of this network that is attached, of links no more than what their pins' names tell. */
export function readAttachedOrNamed(pins: Pins): Found[] {
  return unlessDenied(
    () => readAttached(pins),
    () => [
      ...listLinks(pins).map((name): Found => {
        return { ...placeOfLink(name), hook: 'ingress', by: 'tcx', programId: 0 };
      }),
      ...readFilters(pins),
    ],
  );
}

/** Unpins the link and takes its program off the device; the first is enough, but does not do it at once. */
export function detachOrUnpin(pins: Pins, place: Place): void {
  // It has no pin: whoever may not delete it is to be told.
  if (place.by === 'clsact') {
    detach(pins, place);
    return;
  }
  unlessDenied(
    () => detach(pins, place),
    () => removePin(pins.link(linkName(place.program, place.ifindex))),
  );
}

/** The same for all. */
export function detachAllOrUnpin(pins: Pins): void {
  unlessDenied(
    () => detachAll(pins),
    () => {
      for (const name of listLinks(pins)) removePin(pins.link(name));
      detachAllFilters(pins);
      removeMadeQdiscs(pins);
    },
  );
}
