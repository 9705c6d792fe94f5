import { mkdirSync, renameSync, statSync } from 'node:fs';
import { CHECKOUT } from './host.ts';
import { run } from './process.ts';

const BINARIES = `${CHECKOUT}/build/integration`;

/** Where a tool of the tests that is written in C stands. */
export function binaryOf(tool: string): string {
  return `${BINARIES}/${tool}`;
}

/** Compiles `FOLDER/TOOL.c`, where that has not been done. Another process may do so at the same time. */
export async function compileTool(folder: string, tool: string): Promise<void> {
  const [source, binary] = [`${folder}/${tool}.c`, binaryOf(tool)];
  if (modified(binary) > modified(source)) return;
  mkdirSync(BINARIES, { recursive: true });
  const unfinished = `${binary}.${process.pid}`;
  await run(['clang', '-O2', '-Wall', '-Werror', '-o', unfinished, source]);
  renameSync(unfinished, binary);
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
