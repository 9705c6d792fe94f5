/** How programs can be attached on this host. */
import { readLinks } from '../bpf/links.ts';
import { type Pins, siblingsOf } from '../bpf/pins.ts';
import { hasTcx } from '../sys/bpf_links.ts';
import { hasNativeXdp } from '../sys/netdev.ts';
import { readLinkRecords } from '../sys/rtnetlink/links.ts';
import type { AttachWays, XdpWays } from './contract.ts';

export interface AttachScope {
  readonly pins: Pins;
  readonly programs: readonly string[];
}

/** Asks the kernel; nothing is attached to find it out. */
export async function readAttachWays(
  scope: AttachScope,
  xdpOn: string | null,
): Promise<AttachWays> {
  return { tcx: hasTcx(), xdp: xdpOn === null ? null : await readXdpWays(scope, xdpOn) };
}

async function readXdpWays({ pins, programs }: AttachScope, device: string): Promise<XdpWays> {
  const link = readLinkRecords().find(({ name }) => name === device);
  const attached = link?.xdpProgram ?? null;
  const isAttachedBy = (of: Pins) =>
    readLinks(of).some(({ by, programId }) => by === 'xdp' && programId === attached);
  const isOurs = attached === null || isAttachedBy(pins);
  return {
    isBuilt: programs.includes('vxlan_strip'),
    kind: link?.kind || null,
    native: link === undefined ? null : hasNativeXdp(link.index),
    foreignProgram: isOurs
      ? null
      : { id: attached, network: siblingsOf(pins).find(isAttachedBy)?.network ?? null },
  };
}
