import type { Attachment, Dataplane, Endpoint, Peer, Settings } from './dataplane.ts';
import { holdings, predecessor, wantedGeneration } from './diff_generation.ts';
import type { Op } from './op.ts';
import type { DesiredState, ObservedState } from './state.ts';

/**
 * Programs, maps and attachments. A new generation's maps are filled before its programs take the place of the old
 * ones, so that no packet meets an empty peer table.
 * @param replaced devices that are made anew in the same run: their index changes, so the settings are written again
 */
export function diffDataplane(
  desired: Dataplane | null,
  observed: ObservedState,
  replaced: ReadonlySet<string>,
): Op[] {
  if (desired === null) return [];
  const { settings } = desired;
  const generation = wantedGeneration(desired, observed);
  const found = holdings(desired, observed);
  const from = predecessor(desired, observed);
  const stale =
    found?.settings == null ||
    [settings.device, settings.far, settings.underlay].some(
      (device) => device !== null && replaced.has(device),
    );
  const peers = diffPeers(desired.peers, found?.peers ?? new Map());
  return [
    ...(stale || !sameSettings(found.settings, settings)
      ? [{ op: 'settings.write', generation, settings } as const]
      : []),
    ...(peers.remove.length > 0
      ? [{ op: 'peers.remove', generation, subnets: peers.remove } as const]
      : []),
    ...(peers.write.length > 0
      ? [{ op: 'peers.write', generation, peers: peers.write } as const]
      : []),
    ...(found?.strays ? [{ op: 'sources.settle', generation } as const] : []),
    ...diffEndpoints(generation, desired.endpoints, found?.endpoints ?? new Map()),
    // By subnet, which has a place now: as late as can be, for what is counted there afterwards is not seen here.
    ...(from?.renumbered ? [{ op: 'traffic.copy', from: from.name, generation } as const] : []),
    ...desired.attachments
      .filter((wanted) => !isAttached(wanted, generation, observed))
      .map((attachment): Op => ({ op: 'bpf.attach', attachment, generation })),
  ];
}

/** Programs that stand where they are no longer wanted, on devices that stay. */
export function orphanedAttachments(desired: DesiredState, observed: ObservedState): Op[] {
  const wanted = desired.dataplane?.attachments ?? [];
  return detachments(observed, (found) => !wanted.some((one) => samePlace(one, found)));
}

/** Programs that are wanted where they stand, by other means: they go when those have taken over. */
export function supersededAttachments(desired: DesiredState, observed: ObservedState): Op[] {
  const wanted = desired.dataplane?.attachments ?? [];
  return detachments(
    observed,
    (found) =>
      wanted.some((one) => samePlace(one, found)) && !wanted.some((one) => sameMeans(one, found)),
  );
}

/** XDP first: what it has stripped, nobody takes without the others. */
function detachments({ attachments }: ObservedState, isOver: (found: Attachment) => boolean): Op[] {
  const over = attachments.filter(isOver);
  const inOrder = [
    ...over.filter(({ by }) => by === 'xdp'),
    ...over.filter(({ by }) => by !== 'xdp'),
  ];
  return inOrder.map(
    ({ program, device, hook, by }): Op => ({
      op: 'bpf.detach',
      attachment: { program, device, hook, by },
    }),
  );
}

/** A program of a generation that is loaded anew is not: it reads the old one's maps. */
function isAttached(wanted: Attachment, generation: string, observed: ObservedState): boolean {
  if (observed.generations.get(generation)?.flaw) return false;
  return observed.attachments.some(
    (found) => sameMeans(wanted, found) && found.generation === generation,
  );
}

function samePlace(a: Attachment, b: Attachment): boolean {
  return a.program === b.program && a.device === b.device && a.hook === b.hook;
}

function sameMeans(a: Attachment, b: Attachment): boolean {
  return samePlace(a, b) && a.by === b.by;
}

function sameSettings(a: Settings | null, b: Settings): boolean {
  return a !== null && (Object.keys(b) as (keyof Settings)[]).every((key) => a[key] === b[key]);
}

/** Before a program is attached to an interface that lets through only what is listed. */
function diffEndpoints(
  generation: string,
  desired: ReadonlyMap<string, Endpoint>,
  observed: ReadonlyMap<string, Endpoint>,
): Op[] {
  const endpoints = [...desired.values()].filter((endpoint) => {
    const found = observed.get(endpoint.address);
    return found?.device !== endpoint.device || found.gatewayMac !== endpoint.gatewayMac;
  });
  const addresses = [...observed.keys()].filter((address) => !desired.has(address));
  return [
    ...(addresses.length > 0 ? [{ op: 'endpoints.remove', generation, addresses } as const] : []),
    ...(endpoints.length > 0 ? [{ op: 'endpoints.write', generation, endpoints } as const] : []),
  ];
}

function samePeer(a: Peer, b: Peer): boolean {
  return a === b || (a.publicIp === b.publicIp && a.mac === b.mac && a.direct === b.direct);
}

function diffPeers(desired: ReadonlyMap<string, Peer>, observed: ReadonlyMap<string, Peer>) {
  const write: Peer[] = [];
  for (const [subnet, peer] of desired) {
    const found = observed.get(subnet);
    if (found === undefined || !samePeer(found, peer)) write.push(peer);
  }
  const remove: string[] = [];
  for (const subnet of observed.keys()) if (!desired.has(subnet)) remove.push(subnet);
  return { write, remove };
}
