import type { Attachment } from '../plan/dataplane.ts';
import type { Pins } from './pins.ts';

/** A program on one hook of one device, by index. */
export type Place = Pick<Attachment, 'program' | 'hook' | 'by'> & { readonly ifindex: number };

/** Where pins go, and what is allowed. */
export interface AttachSite {
  readonly bpffs: string;
  readonly pins: Pins;
  /** Whether XDP may run without the driver's help, which is slower. */
  readonly genericXdp: boolean;
}

/** What is attached. */
export interface Found extends Place {
  readonly programId: number;
}

export function isAt(place: Place, found: Place): boolean {
  return (
    found.program === place.program &&
    found.ifindex === place.ifindex &&
    found.hook === place.hook &&
    found.by === place.by
  );
}
