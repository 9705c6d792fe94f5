/**
 * A host that goes from one backend, mode, config or set of peers to another, and that leaves each: killed in front of
 * and behind each step, and each step fails. What is there afterwards must be what there is without that.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { attachPods } from '../../lab/pod.ts';
import { missingFou } from '../kernel/requirements.ts';
import {
  errnoAt,
  type Fault,
  faultEnv,
  isHarmless,
  reasonOf,
  type Step,
  stepsOf,
} from './faults.ts';
import { fingerprint } from './fingerprint.ts';
import {
  bare,
  CHANGE_OF_KERNELS,
  CHANGES,
  GATEWAY,
  goTo,
  outline,
  type Scene,
  setScene,
} from './scenes.ts';

/** All faults at every step, and not one each at those steps alone that only these scenes have. */
const isThorough = process.env.FAULTS === 'all';

/** Of a kind that death_test.ts has at every step: files, pins, locks and commits are the same for each backend. */
const USUAL =
  /^(mkdirSync|flock|open|writeFile|sync|rename|rm|rmdir|unlinkSync|rmdirSync|COMMIT|OBJ_PIN|bpf_object__load)\b/;

interface Planned {
  readonly step: Step;
  readonly fault: Fault;
}

function faultsAt(steps: readonly Step[], turn: number): Planned[] {
  const chosen = isThorough ? steps : steps.filter(({ name }) => !USUAL.test(name));
  assert(chosen.length > 0);
  return chosen.flatMap((step, index) => {
    const faults: Fault[] = ['SIGKILL before', 'SIGKILL after', errnoAt(step)];
    return faults
      .filter((_, number) => isThorough || number === (index + turn) % faults.length)
      .map((fault) => ({ step, fault }));
  });
}

/** Hosts of several labs wait more than they work. */
describe('a host that goes from one scene to another', { concurrency: 3 }, () => {
  for (const [number, [one, other]] of [...CHANGES, CHANGE_OF_KERNELS].entries()) {
    const isOfFou = one === CHANGE_OF_KERNELS[0];
    describe(`${one.name}, and ${other.name}`, {
      skip: isOfFou && missingFou(),
      concurrency: 1,
    }, () => {
      let lab: Lab;
      let host: Host;
      before(async () => {
        lab = await createLab({ name: `lifechange${number}`, hosts: 1, pods: 1, store: 'file' });
        host = lab.host('a');
        await attachPods(host, GATEWAY);
      });
      after(() => lab?.destroy());

      async function meet(command: string, { env }: Scene, { step, fault }: Planned) {
        const at = `${command}: ${fault} at step ${step.number}, ${step.name}`;
        const { code, stdout, stderr } = await host.startTartan([command], {
          env: { ...env, ...faultEnv(fault, step.number) },
        }).ended;
        const isDeath = fault.startsWith('SIG');
        if (!isDeath && isHarmless(step.name, errnoAt(step))) return at;
        assert.notEqual(code, 0, at);
        assert.equal(stdout, '', at);
        if (!isDeath) assert.match(stderr, reasonOf(errnoAt(step)), at);
        assert.doesNotMatch(stderr, /this should not happen|INTERNAL/, at);
        return at;
      }

      /** Goes on to the other scene, and looks at how. */
      async function look(to: Scene, turn: number) {
        await setScene(host, to);
        const steps = await stepsOf(host, 'join', to.env);
        await goTo(host, to);
        return { to, whole: outline(host), faults: faultsAt(steps, turn) };
      }

      it('from each to the other: the next join is all that it takes', async () => {
        await goTo(host, other);
        await goTo(host, one);
        const there = await look(other, 0);
        const back = await look(one, 1);
        for (let turn = 0; turn < Math.max(there.faults.length, back.faults.length); turn += 1) {
          for (const { to, whole, faults } of [there, back]) {
            await setScene(host, to);
            const fault = faults[turn];
            const at = fault === undefined ? 'undisturbed' : await meet('join', to, fault);
            await goTo(host, to);
            assert.deepEqual(outline(host), whole, at);
          }
        }
        await host.tartan(['teardown']);
      });

      for (const scene of [one, other]) {
        it(`leaving ${scene.name}: the next teardown is all that it takes`, async () => {
          const nothing = { ...fingerprint(host), ...bare(host) };
          await goTo(host, scene);
          const steps = await stepsOf(host, 'teardown', scene.env);
          for (const fault of faultsAt(steps, number)) {
            await goTo(host, scene);
            const at = await meet('teardown', scene, fault);
            await host.tartan(['teardown'], { env: scene.env });
            assert.deepEqual({ ...fingerprint(host), ...bare(host) }, nothing, at);
          }
        });
      }
    });
  }
});
