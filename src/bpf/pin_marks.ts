/** A cheap look at what tells nobody when it changes: pins, and what pinned links hold. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { unlessDenied } from './denied.ts';
import { readLinks } from './links.ts';
import { listGenerations, type Pins, programOfLink } from './pins.ts';

/** A host may have thousands: of their links it is known whether they are pinned, no more. */
const OF_ENDPOINTS = 'endpoint_send';

/**
 * A text that is another one once a pin has come or gone, or a link has lost its device: bpffs notes in a folder when it
 * changed, in steps of the kernel's clock (4 ms at 250 Hz).
 */
export function markPins(pins: Pins): string {
  const generations = listGenerations(pins).map((name) => pins.generation(name));
  const times = [pins.root, join(pins.root, 'links'), ...generations].map((path) => {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? '' : `${found.ino} ${found.mtimeNs}`;
  });
  const held = unlessDenied(
    () => readLinks(pins, (name) => programOfLink(name) !== OF_ENDPOINTS),
    () => [],
  );
  return [...times, ...held.map(({ name, ifindex }) => `${name} ${ifindex}`)].join('\n');
}
