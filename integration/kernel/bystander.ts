/** Other people's programs, for hooks on which ours stand too. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { objectPath } from '../../src/bpf/object_file.ts';
import { readProgramInfo } from '../../src/sys/bpf.ts';
import { indexOfInterface } from '../../src/sys/interfaces.ts';
import { loadObject } from '../../src/sys/libbpf.ts';
import { checked, close, syscall3 } from '../../src/sys/libc.ts';

/** A program that is somebody's. Without settings it hands everything on. */
export interface Bystander extends Disposable {
  readonly fd: number;
  readonly id: number;
  /** How often it has run, while statistics are on. */
  runs(): number;
}

export function loadBystander(): Bystander {
  const object = loadObject({ path: objectPath('vxlan'), maps: [], programs: ['vxlan_check'] });
  const fd = object.programFd('vxlan_check');
  return {
    fd,
    id: readProgramInfo(fd).id,
    runs: () =>
      Number(/^run_cnt:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]),
    [Symbol.dispose]: () => object.close(),
  };
}

/** `BPF_ENABLE_STATS`, <linux/bpf.h>: the kernel counts runs while the descriptor is open. */
export function enableStatistics(): Disposable {
  const attr = Buffer.alloc(4);
  const fd = checked('bpf(ENABLE_STATS)', syscall3(arch() === 'arm64' ? 280 : 321, 32, attr, 4));
  return { [Symbol.dispose]: () => void close(fd) };
}

/** Each of them runs while `act` does. */
export async function assertAllRun(
  bystanders: Readonly<Record<string, Bystander>>,
  act: () => Promise<void>,
): Promise<void> {
  const before = Object.values(bystanders).map((one) => one.runs());
  await act();
  for (const [at, [name, one]] of Object.entries(bystanders).entries())
    assert(one.runs() > (before[at] ?? 0), `${name} has not run`);
}

export function indexOf(device: string): number {
  const index = indexOfInterface(device);
  assert(index !== undefined, `there is no ${device}`);
  return index;
}
