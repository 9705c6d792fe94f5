/** From what is and what is to be to the steps in between: pure. */
import { diffDataplane, orphanedAttachments, supersededAttachments } from './diff_dataplane.ts';
import { diffForward } from './diff_forward.ts';
import { diffFou } from './diff_fou.ts';
import { loadGeneration, staleGenerations } from './diff_generation.ts';
import { diffLinks } from './diff_links.ts';
import { diffFdb, diffNeighbors } from './diff_neighbors.ts';
import { diffRoutes } from './diff_routes.ts';
import { difference } from './difference.ts';
import type { Op } from './op.ts';
import { type DesiredState, hashFilter, type ObservedState } from './state.ts';

/**
 * The ops that turn `observed` into `desired`, in an order that is safe at every step: a program is attached before the
 * device lets packets in, and detached after it no longer does; a route leads only to a device that is ready. Equal
 * states give no op. Repeating the ops of a run that was cut short gives the same end.
 * @throws TartanError `DEVICE_FOREIGN` if a device of our name is somebody else's; `MISSING` if the programs have not
 * been built
 */
export function diff(desired: DesiredState, observed: ObservedState): Op[] {
  const links = diffLinks(desired, observed);
  const fou = diffFou(desired, observed);
  // What hung on a device goes with it.
  const gone = (device: string) => links.replaced.has(device);
  const here = {
    ...observed,
    addresses: observed.addresses.filter(({ device }) => !gone(device)),
    routes: observed.routes.filter(({ device }) => !gone(device)),
    neighbors: observed.neighbors.filter(({ device }) => !gone(device)),
    fdb: observed.fdb.filter(({ device }) => !gone(device)),
    attachments: observed.attachments.filter(({ device }) => !gone(device)),
  };
  const routes = diffRoutes(desired, here);
  const addresses = difference(desired.addresses, here.addresses);
  const neighbors = diffNeighbors(desired.neighbors, here.neighbors);
  const fdb = diffFdb(desired.fdb, here.fdb);
  return [
    ...routes.leave,
    ...(desired.filter === null && observed.filter !== null
      ? [{ op: 'filter.remove' } as const]
      : []),
    // What can fail for want of something on the host comes before anything is taken away or made.
    ...loadGeneration(desired.dataplane, here),
    ...routes.replace,
    ...neighbors.remove,
    ...fdb.remove,
    // While the device is there, it is known whose the port is.
    ...fou.remove,
    ...links.remove,
    ...orphanedAttachments(desired, here),
    ...links.add,
    ...fou.add,
    ...diffDataplane(desired.dataplane, here, links.replaced),
    ...supersededAttachments(desired, here),
    ...links.open,
    // The new one first: with the last address of a device, the kernel removes all its routes.
    ...addresses.missing.map((address): Op => ({ op: 'address.add', address })),
    ...addresses.surplus.map((address): Op => ({ op: 'address.remove', address })),
    ...links.up,
    ...writeFilter(desired, observed),
    // A device that goes down loses them.
    ...neighbors.write,
    ...fdb.write,
    ...routes.add,
    ...routes.remove,
    ...diffForward(desired, observed),
    ...staleGenerations(desired.dataplane, observed),
  ];
}

function writeFilter({ filter }: DesiredState, observed: ObservedState): Op[] {
  if (filter === null || hashFilter(filter) === observed.filter) return [];
  return [{ op: 'filter.write', text: filter }];
}
