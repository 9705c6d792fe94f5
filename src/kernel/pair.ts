/** What the ends of a udp pair must do with packets, and must not. */
import { hasOffload, type Offload, setOffload } from '../sys/ethtool.ts';
import { SystemError } from '../sys/libc.ts';

/** The largest there is: no IPv4 packet is longer. */
export const FAR_MTU = 65_535;

/** A device's offload, and whether it is to be on. */
type Setting = readonly [end: 'near' | 'far', offload: Offload, isOn: boolean];

/**
 * What goes through the pair to the far end must come out as single packets with their checksums: so the near end, which
 * sends it, offers neither. What goes the other way the near end's NAPI merges: the kernel's veth does that for what
 * comes from an end without TCP segmentation.
 */
const SETTINGS: readonly Setting[] = [
  ['near', 'tcp-segmentation', false],
  ['near', 'tx-checksums', false],
  ['near', 'gro', true],
  ['far', 'tcp-segmentation', false],
];

/** Whether both ends are as they should be; an end that is not there is not. */
export function isTuned(near: string, far: string): boolean {
  const devices = { near, far };
  try {
    return SETTINGS.every(([end, offload, isOn]) => hasOffload(devices[end], offload) === isOn);
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'ENODEV') return false;
    throw error;
  }
}

/** @throws SystemError */
export function tunePair(near: string, far: string): void {
  const devices = { near, far };
  for (const [end, offload, isOn] of SETTINGS) {
    if (hasOffload(devices[end], offload) !== isOn) setOffload(devices[end], offload, isOn);
  }
}
