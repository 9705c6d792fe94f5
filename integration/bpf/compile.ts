/** The tests' own programs, compiled each time: they do not belong to what `make bpf` builds. */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtObjects, type ObjectFile } from '../../src/bpf/object_file.ts';
import type { ObjectName } from '../../src/plan/dataplane.ts';
import { type LoadedObject, loadObject } from '../../src/sys/libbpf.ts';

const machine = arch() === 'arm64' ? 'aarch64' : 'x86_64';

function compile(source: string, object: string, ...options: string[]): void {
  execFileSync('clang', [
    ...['-target', 'bpf', '-g', '-O2', '-Wall', '-Werror', `-I/usr/include/${machine}-linux-gnu`],
    ...[...options, '-c', source, '-o', object],
  ]);
}

/** Compiles and loads a source file of this folder. */
export function compileAndLoad(
  source: string,
  maps: readonly string[],
  programs: readonly string[],
): LoadedObject {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-bpf-'));
  const path = join(folder, 'object.o');
  try {
    compile(fileURLToPath(new URL(source, import.meta.url)), path);
    return loadObject({ path, maps, programs });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Another version of the programs, on disk until it is disposed. */
export type Variant = ObjectFile & Disposable;

/** Texts of the sources and what stands there instead. */
export type Edits = readonly (readonly [text: string, by: string])[];

/** Another build of any object, which does the same. */
export const OTHER_BUILD: Edits = [['#define ENDPOINT_LIFETIME 1', '#define ENDPOINT_LIFETIME 2']];

/**
 * Compiles an object's source after replacing texts in it and its parts.
 * @param edits each must be found in exactly one file
 */
export function compileVariant(edits: Edits, object: ObjectName = 'vxlan'): Variant {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-bpf-'));
  const bpf = join(folder, 'bpf');
  cpSync(fileURLToPath(new URL('../../bpf', import.meta.url)), bpf, { recursive: true });
  const files = globSync('**/*.{c,h}', { cwd: bpf }).map((name) => join(bpf, name));
  for (const [text, by] of edits) {
    const found = files.filter((file) => readFileSync(file, 'utf8').includes(text));
    const [file, another] = found;
    if (file === undefined || another !== undefined)
      throw new Error(`${found.length} files have: ${text}`);
    writeFileSync(file, readFileSync(file, 'utf8').replace(text, by));
  }
  const path = join(folder, 'object.o');
  compile(join(bpf, `${object}.c`), path, `-I${join(bpf, 'include')}`);
  return {
    ...builtObjects[object],
    path,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
