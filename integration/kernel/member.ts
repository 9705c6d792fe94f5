/** A host of a lab with the kernel room at hand: what `join` does to the kernel, without commands and stores. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import type { Host } from '../../lab/host.ts';
import { enterNamespace } from '../../lab/in_namespace.ts';
import { namespaceOf, namespacePath } from '../../lab/names.ts';
import { type Namespace, namespaceNamed } from '../../lab/namespace.ts';
import { run } from '../../lab/process.ts';
import { openMaps } from '../../src/bpf/generation.ts';
import type { Objects } from '../../src/bpf/object_file.ts';
import type { OpenMaps } from '../../src/bpf/open_map.ts';
import { type Pins, pinsOf } from '../../src/bpf/pins.ts';
import { openKernel } from '../../src/kernel/kernel.ts';
import { diff } from '../../src/plan/diff.ts';
import type { Op } from '../../src/plan/op.ts';
import { type DesiredState, nothing, type ObservedState } from '../../src/plan/state.ts';

export const NETWORK = 'default';

/** Every call opens the kernel anew, as another process would: nothing is remembered from one to the next. */
export interface Member {
  readonly host: Namespace;
  readonly pins: Pins;
  observe(): Promise<ObservedState>;
  plan(desired: DesiredState): Promise<Op[]>;
  apply(...ops: readonly Op[]): Promise<void>;
  /** Carries out what is missing, and holds that nothing is missing then. */
  converge(desired: DesiredState): Promise<Op[]>;
  /** As `teardown` does it. */
  clear(): Promise<Op[]>;
  /** Opens the one generation that is pinned. */
  openMaps(): Promise<OpenMaps>;
}

/**
 * The kernel of a namespace; `bpffs` may be another host's.
 * @param objects what it loads in the place of what has been built
 */
export function memberOf(host: Namespace, bpffs: string, objects: Partial<Objects> = {}): Member {
  const pins = pinsOf(bpffs, NETWORK);
  const within = async <T>(act: (kernel: ReturnType<typeof openKernel>) => Promise<T>) => {
    const { ino: networkNamespace } = statSync(namespacePath(host.namespace));
    using _ = enterNamespace(host);
    return await act(
      openKernel({
        network: NETWORK,
        bpffs,
        networkNamespace,
        objects,
        genericXdp: true,
      }),
    );
  };
  const observe = () => within((kernel) => kernel.observe());
  const plan = async (desired: DesiredState) => diff(desired, await observe());
  const apply = (...ops: readonly Op[]) =>
    within(async (kernel) => {
      for (const op of ops) await kernel.apply(op);
    });
  const converge = async (desired: DesiredState) => {
    const ops = await plan(desired);
    await apply(...ops);
    assert.deepEqual(await plan(desired), [], 'a second run has nothing to do');
    return ops;
  };
  return {
    host,
    pins,
    observe,
    plan,
    apply,
    converge,
    async clear() {
      const ops = await converge(nothing);
      await within((kernel) => kernel.sweep());
      return ops;
    },
    async openMaps() {
      const [generation, another] = (await observe()).generations.keys();
      assert(generation !== undefined && another === undefined, 'one generation is pinned');
      return openMaps(pins, generation);
    },
  };
}

export function memberAt(host: Host, objects?: Partial<Objects>): Member {
  return memberOf(host, host.bpffs, objects);
}

/** One that is no host of the lab, and goes with it: with an underlay, and no more. */
export async function bareNamespace(lab: string, name: string): Promise<Namespace> {
  const namespace = namespaceNamed(namespaceOf(lab, name));
  await run(['ip', 'netns', 'add', namespace.namespace]);
  await namespace.shell('ip link add eth0 type bridge; ip link set eth0 up');
  return namespace;
}
