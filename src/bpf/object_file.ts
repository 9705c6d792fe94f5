/** The object file that `make bpf` builds. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const programNames = [
  'vxlan_send',
  'vxlan_check',
  'vxlan_receive',
  'endpoint_send',
  'vxlan_strip',
] as const;

/** Where the object lies. */
export function objectPath(object: string): string {
  return fileURLToPath(new URL(`../../build/bpf/${object}.o`, import.meta.url));
}

/** A hash of the object file; null: it has not been built. */
export function readBuild(object: string): string | null {
  try {
    return createHash('sha256')
      .update(readFileSync(objectPath(object)))
      .digest('hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
