/** Other people's programs on the same hooks: they stay where they are, and run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { objectPath } from '../../src/bpf/object_file.ts';
import type { DesiredState } from '../../src/plan/state.ts';
import { createTcxLink, type Hook, queryTcx, readProgramInfo } from '../../src/sys/bpf.ts';
import { indexOfInterface } from '../../src/sys/interfaces.ts';
import { loadObject } from '../../src/sys/libbpf.ts';
import { checked, close, syscall3 } from '../../src/sys/libc.ts';
import { inNamespace } from '../lifecycle/in_namespace.ts';
import { type Member, memberAt } from './member.ts';
import { missing } from './requirements.ts';
import { DEVICE, desiredOf, ownLease, withSettings } from './samples.ts';

/** Somebody's program, attached. Without settings it hands everything on that arrives, and drops what is to leave. */
interface Bystander extends Disposable {
  readonly id: number;
  /** How often it has run, while statistics are on. */
  runs(): number;
}

describe('TCX', { skip: missing() }, () => {
  let lab: Lab;
  let host: Host;
  let member: Member;
  let desired: DesiredState;
  before(async () => {
    lab = await createLab({ name: 'kerneltcx', underlay: 'pair', pods: 0 });
    host = lab.host('a');
    const b = lab.host('b');
    member = memberAt(host);
    desired = desiredOf(host, { peers: [ownLease(b)] });
    await memberAt(b).converge(desiredOf(b, { peers: [ownLease(host)] }));
  });
  after(() => lab?.destroy());

  function attach(device: string, hook: Hook): Bystander {
    const object = loadObject({
      path: objectPath('vxlan'),
      maxEntries: {},
      reuse: {},
      maps: [],
      programs: ['vxlan_check'],
    });
    const program = object.programFd('vxlan_check');
    const link = inNamespace(host, () => createTcxLink(program, indexOf(device), hook));
    return {
      id: readProgramInfo(program).id,
      runs: () =>
        Number(
          /^run_cnt:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${program}`, 'utf8'))?.[1],
        ),
      [Symbol.dispose]() {
        close(link);
        object.close();
      },
    };
  }

  const programsOn = (device: string, hook: Hook) =>
    inNamespace(host, () => queryTcx(indexOf(device), hook));

  it("others' programs before and behind ours stay in their places, and run", async () => {
    using _ = enableStatistics();
    using first = attach('eth0', 'ingress');
    await member.converge(desired);
    using last = attach('eth0', 'ingress');
    using outward = attach('eth0', 'egress');
    using inner = attach(DEVICE, 'ingress');
    await waitForPing(host, '10.5.11.0');

    const assertPlaces = () => {
      const [before, ours, behind, ...rest] = programsOn('eth0', 'ingress');
      assert.deepEqual([before, behind, rest], [first.id, last.id, []]);
      assert.deepEqual(programsOn('eth0', 'egress'), [outward.id]);
      assert.equal(programsOn(DEVICE, 'ingress')[1], inner.id);
      return ours;
    };
    const ours = assertPlaces();
    const bystanders = { first, last, outward, inner };
    const assertRun = async () => {
      const before = Object.values(bystanders).map((one) => one.runs());
      assert.equal(await ping(host, lab.host('b').address), 1, 'the underlay');
      assert.equal(await ping(host, '10.5.11.0'), 1, 'the overlay');
      for (const [at, [name, one]] of Object.entries(bystanders).entries())
        assert(one.runs() > (before[at] ?? 0), `${name} has not run`);
    };
    await assertRun();

    await member.converge(withSettings(desired, { subnetCount: 300 }));
    assert.notEqual(assertPlaces(), ours, 'replaced');
    await assertRun();

    await member.clear();
    assert.deepEqual(programsOn('eth0', 'ingress'), [first.id, last.id]);
    assert.deepEqual(programsOn('eth0', 'egress'), [outward.id]);
    assert.equal(await ping(host, lab.host('b').address), 1);
  });

  it("a program of somebody else's on our hooks is not ours to detach", async () => {
    await member.converge(desired);
    using stranger = attach(DEVICE, 'egress');
    assert.deepEqual(await member.plan(desired), []);
    assert.equal(programsOn(DEVICE, 'egress').at(-1), stranger.id);
    await member.clear();
  });
});

function indexOf(device: string): number {
  const index = indexOfInterface(device);
  assert(index !== undefined, `there is no ${device}`);
  return index;
}

/** `BPF_ENABLE_STATS`, <linux/bpf.h>: the kernel counts runs while the descriptor is open. */
function enableStatistics(): Disposable {
  const attr = Buffer.alloc(4);
  const fd = checked('bpf(ENABLE_STATS)', syscall3(arch() === 'arm64' ? 280 : 321, 32, attr, 4));
  return { [Symbol.dispose]: () => void close(fd) };
}
