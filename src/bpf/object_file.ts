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

/** An object, and the programs of it that are pinned. */
export interface ObjectFile {
  readonly path: string;
  readonly programs: readonly string[];
}

/** Where an object lies that has been built. */
export function objectPath(object: string): string {
  return fileURLToPath(new URL(`../../build/bpf/${object}.o`, import.meta.url));
}

export const builtObject: ObjectFile = { path: objectPath('vxlan'), programs: programNames };

/** A hash of the object file; null: it has not been built. */
export function readBuild({ path }: ObjectFile): string | null {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
