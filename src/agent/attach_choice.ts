/** How the programs are to be attached: what was asked for, as far as the host has it. */
import type { Node } from '../backend/contract.ts';
import { TartanError } from '../errors.ts';
import type { AttachWays, XdpWays } from '../kernel/contract.ts';

export const ATTACH_WORDS = ['auto', 'tcx', 'clsact', 'xdp'] as const;

export interface AttachChoice {
  readonly by: (typeof ATTACH_WORDS)[number];
  /** XDP also where it is slower. */
  readonly force: boolean;
}

/**
 * `auto`: TCX where the kernel has it, else clsact. `xdp`: the same, and a program for XDP on the underlay as well.
 * @throws TartanError `MISSING` what the kernel lacks, `INTERFACE` what speaks against XDP on the underlay
 */
export function chooseAttach(
  { by, force }: AttachChoice,
  { tcx, xdp }: AttachWays,
  underlay: string,
): Node['attach'] {
  if (by === 'tcx' && !tcx) {
    throw new TartanError(
      'MISSING',
      'this kernel has no TCX, by which --attach tcx attaches programs',
      'It takes Linux 6.6 or later; leave --attach out, or give --attach clsact.',
    );
  }
  if (by === 'xdp' && xdp !== null) requireXdp(xdp, underlay, force);
  return { by: by === 'clsact' || !tcx ? 'clsact' : 'tcx', xdp: by === 'xdp' };
}

function requireXdp(xdp: XdpWays, underlay: string, force: boolean): void {
  if (!xdp.isBuilt) {
    throw new TartanError(
      'MISSING',
      'there is no program for --attach xdp among those that are built',
      'Leave --attach out.',
    );
  }
  if (xdp.foreignProgram?.network != null) {
    throw new TartanError(
      'INTERFACE',
      `${underlay} has the XDP program of this host's network "${xdp.foreignProgram.network}", and an interface has room for one`,
      'Leave --attach out for one of the two networks.',
    );
  }
  if (xdp.foreignProgram !== null) {
    throw new TartanError(
      'INTERFACE',
      `${underlay} has an XDP program of somebody else's (id ${xdp.foreignProgram.id})`,
      `Take it off (\`ip link set ${underlay} xdp off\`) if nothing needs it, or leave --attach out.`,
    );
  }
  const reason = whySlower(xdp, underlay);
  if (reason === null || force) return;
  throw new TartanError('INTERFACE', reason, 'Leave --attach out, or insist with --force.');
}

function whySlower({ kind, native }: XdpWays, underlay: string): string | null {
  if (kind === 'veth') {
    return `${underlay} is one end of a veth cable, where XDP is slower: it switches the offloads of the other end off, and copies each packet`;
  }
  if (native === false) {
    return `the driver of ${underlay} has no native XDP, and the kernel's generic one is slower`;
  }
  return null;
}
