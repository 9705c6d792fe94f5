/** Other versions of the programs, and how one takes over as its own `join` would have it. */
import type { Host } from '../../lab/host.ts';
import { inNamespace } from '../../lab/in_namespace.ts';
import { attach } from '../../src/bpf/attach.ts';
import { loadGeneration } from '../../src/bpf/generation.ts';
import type { ObjectFile } from '../../src/bpf/object_file.ts';
import { numberingOf } from '../../src/plan/generations.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import type { Edits } from '../bpf/compile.ts';
import { indexOf } from './bystander.ts';
import { type Member, memberAt } from './member.ts';

/** A later version, as it may be: each struct and the counters have grown, and so have the tables. */
export const LATER: Edits = [
  ['	__u32 far_index;\n};', '	__u32 far_index;\n	__u32 more[3];\n};'],
  ['	__u8 length;\n};', '	__u8 length;\n	__u32 more;\n};'],
  ['	__u32 reserved;\n};', '	__u32 reserved;\n	__u64 more;\n};'],
  ['	COUNTER_COUNT,', '	LATER_COUNTER,\n	COUNTER_COUNT,'],
];

/** Lets another version take over what stands there. @returns the name of its generation */
export async function becomeVersion(
  host: Host,
  { dataplane }: DesiredState,
  variant: ObjectFile,
  irregularPlaces = 1024,
): Promise<string> {
  const member: Member = memberAt(host);
  const [from] = (await member.observe()).generations.keys();
  if (from === undefined || dataplane === null) throw new Error('there is no generation yet');
  const generation = `${dataplane.object}-ffffffffffff-${numberingOf(from)}`;
  const { bpffs } = host;
  const { pins } = member;
  const { subnetCount } = dataplane.settings;
  const load = { bpffs, pins, object: variant, generation, subnetCount, irregularPlaces };
  loadGeneration({ ...load, from, renumbered: false });
  inNamespace(host, () => {
    for (const { program, device, hook, by } of dataplane.attachments) {
      const place = { program, hook, by, ifindex: indexOf(device) };
      attach({ ...place, bpffs, pins, genericXdp: false }, generation);
    }
  });
  await member.apply({ op: 'bpf.unload', generation: from });
  return generation;
}
