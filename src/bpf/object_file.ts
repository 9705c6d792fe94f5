/** The object files that `make bpf` builds. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ObjectName } from '../plan/dataplane.ts';

/** An object, and the programs of it that are pinned. */
export interface ObjectFile {
  readonly path: string;
  readonly programs: readonly string[];
}

export type Objects = Readonly<Record<ObjectName, ObjectFile>>;

export const programNames = [
  'vxlan_send',
  'vxlan_check',
  'vxlan_receive',
  'endpoint_send',
  'vxlan_strip',
] as const;

/** Where an object lies that has been built. */
export function objectPath(object: string): string {
  return fileURLToPath(new URL(`../../build/bpf/${object}.o`, import.meta.url));
}

export const builtObject: ObjectFile = { path: objectPath('vxlan'), programs: programNames };

export const builtObjects: Objects = {
  vxlan: builtObject,
  udp: {
    path: objectPath('udp'),
    programs: ['udp_send', 'udp_resend', 'udp_receive', 'udp_deliver', 'endpoint_send'],
  },
  host_gw: { path: objectPath('host_gw'), programs: ['host_gw_receive', 'endpoint_send'] },
};

/** There once conntrack is loaded, where it is a module. */
const CONNTRACK_TYPES = '/sys/kernel/btf/nf_conntrack';

/**
 * A hash of the object file and of what the kernel resolves in it as it is loaded: programs that were loaded before
 * conntrack's module cannot ask it, and are another build than those loaded after it.
 * @returns null: it has not been built
 */
export function readBuild({ path }: ObjectFile, conntrackTypes = CONNTRACK_TYPES): string | null {
  try {
    const hash = createHash('sha256').update(readFileSync(path));
    if (existsSync(conntrackTypes)) hash.update('conntrack');
    return hash.digest('hex');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** {@link readBuild} of each. */
export function readBuilds(objects: Objects): Record<ObjectName, string | null> {
  const { vxlan, udp, host_gw } = objects;
  return { vxlan: readBuild(vxlan), udp: readBuild(udp), host_gw: readBuild(host_gw) };
}
