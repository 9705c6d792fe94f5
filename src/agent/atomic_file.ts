import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, TartanError } from '../errors.ts';
import { makeFolders } from '../folders.ts';

/** The file's text; null if there is none. */
export async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw fileError('read', path, error);
  }
}

/**
 * Puts the text in place all at once, so that no reader and no crash sees half of it; the folder is made if need be.
 * Writes nothing if the file holds that text already.
 * @param mode permission bits, whatever the umask
 * @returns whether the file changed
 * @throws TartanError `FILE` naming the path
 */
export async function writeAtomically(path: string, text: string, mode: number): Promise<boolean> {
  if ((await readIfPresent(path)) === text) return false;
  const temporary = temporaryOf(path);
  try {
    makeFolders(dirname(path));
    const file = await open(temporary, 'w', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw fileError('write', path, error);
  }
  return true;
}

/** Where a text is written before it is put in place. */
function temporaryOf(path: string): string {
  return `${path}.tmp`;
}

/** Removes the file, and what a writer left that was killed. @returns whether there was one */
export async function removeFile(path: string): Promise<boolean> {
  const wasUnfinished = await removeUnfinished(path);
  return (await remove(path)) || wasUnfinished;
}

/** Removes what a writer of the file left that was killed. @returns whether there was something */
export function removeUnfinished(path: string): Promise<boolean> {
  return remove(temporaryOf(path));
}

async function remove(path: string): Promise<boolean> {
  try {
    await rm(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileError('remove', path, error);
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'Make room on that file system, and run it again.',
  EROFS: 'That file system is read-only: name another place.',
  EACCES: 'Run it as the user who may do that, or name another place.',
};

function fileError(verb: string, path: string, cause: unknown): TartanError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  return new TartanError(
    'FILE',
    `cannot ${verb} ${path}: ${messageOf(cause)}`,
    HINTS[code] ?? 'Check that path and its folder, and run it again.',
    { cause },
  );
}
