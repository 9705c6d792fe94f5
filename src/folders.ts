/**
 * Making folders. It lies outside the rooms beside errors.ts: store, agent and pins need it, and it imports nothing of
 * ours.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it; existing ones are left as they are. Not by mkdir's own `recursive`: that reports a
 * read-only file system as a missing folder, and in /proc, where ENOENT is the answer to every mkdir, it tries for ever.
 * @throws the system's error
 */
export function makeFolders(path: string, mode = 0o755): void {
  if (existsSync(path)) return;
  makeFolders(dirname(path), mode);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    // Another process may have been first.
    if (!existsSync(path)) throw error;
  }
}
