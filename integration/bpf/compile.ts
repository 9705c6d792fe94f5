/** The tests' own programs, compiled each time: they do not belong to what `make bpf` builds. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LoadedObject, loadObject } from '../../src/sys/libbpf.ts';

/** Compiles and loads a source file of this folder. */
export function compileAndLoad(
  source: string,
  maps: readonly string[],
  programs: readonly string[],
): LoadedObject {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-bpf-'));
  const path = join(folder, 'object.o');
  const machine = arch() === 'arm64' ? 'aarch64' : 'x86_64';
  const file = fileURLToPath(new URL(source, import.meta.url));
  try {
    execFileSync('clang', [
      ...['-target', 'bpf', '-g', '-O2', '-Wall', '-Werror', `-I/usr/include/${machine}-linux-gnu`],
      ...['-c', file, '-o', path],
    ]);
    return loadObject({ path, maps, programs });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
