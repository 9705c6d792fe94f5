import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { folderOf, stateFileOf } from './names.ts';
import type { FullLabOptions } from './options.ts';
import { startTimeOf } from './proc.ts';

/** What a lab's file remembers. Everything else follows from the name and the options. */
export interface LabState {
  readonly options: FullLabOptions;
  /** Whoever is responsible for taking it down. `null`: it was left on purpose, `make lab-down` does. */
  readonly creator: { readonly pid: number; readonly startTime: string } | null;
  readonly etcdPid: number | null;
}

export function readState(lab: string): LabState | null {
  const file = stateFileOf(lab);
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LabState;
  } catch {
    return null;
  }
}

export function writeState(state: LabState): void {
  const file = stateFileOf(state.options.name);
  mkdirSync(folderOf(state.options.name), { recursive: true });
  writeFileSync(`${file}.tmp`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
}

/** This process, as a lab's creator. */
export function thisProcess(): LabState['creator'] {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' };
}

/** A lab that somebody uses or has left on purpose; what is left of a crash is not. */
export function isInUse(state: LabState | null): boolean {
  if (state === null) return false;
  const { creator } = state;
  return creator === null || startTimeOf(creator.pid) === creator.startTime;
}
