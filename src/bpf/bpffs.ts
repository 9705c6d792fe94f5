/** The BPF file system: what is pinned there, and folders for it. */
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  statfsSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { messageOf, TartanError } from '../errors.ts';
import { makeFolders } from '../folders.ts';
import { getPinned } from '../sys/bpf.ts';
import { close } from '../sys/libc.ts';

/** `BPF_FS_MAGIC`, <linux/magic.h>. */
const BPF_FS_MAGIC = 0xcafe4a11;

/**
 * The folder itself need not be there yet: it is made with the first pin.
 * @throws TartanError `MISSING` if there is no BPF file system
 */
export function requireBpffs(bpffs: string): void {
  let there = resolve(bpffs);
  while (!existsSync(there)) there = dirname(there);
  if (statfsSync(there).type === BPF_FS_MAGIC) {
    requireWritable(there);
    return;
  }
  throw new TartanError(
    'MISSING',
    `there is no BPF file system at ${bpffs}`,
    `Mount one (\`mount -t bpf bpf ${bpffs}\`), or name another with --bpffs.`,
  );
}

function requireWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (cause) {
    throw new TartanError(
      'MISSING',
      `the BPF file system at ${path} cannot be written: ${messageOf(cause)}`,
      'Mount it read-write, run it as root, or name another with --bpffs.',
      { cause },
    );
  }
}

/**
 * Makes a folder on the BPF file system.
 * @throws TartanError `MISSING` if there is no BPF file system, `FILE`
 */
export function makePinFolder(bpffs: string, path: string): void {
  requireBpffs(bpffs);
  try {
    makeFolders(path, 0o700);
  } catch (cause) {
    throw new TartanError(
      'FILE',
      `cannot make ${path}: ${messageOf(cause)}`,
      'Run it as root, or name another BPF file system with --bpffs.',
      { cause },
    );
  }
}

/** Names in a folder; none if it is not there. */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Unpins all in a folder, and the folder. */
export function removePinFolder(path: string): void {
  for (const name of listFolder(path)) unlinkSync(join(path, name));
  removeIfEmpty(path);
}

export function removePin(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Removes empty folders from the path upwards, `stop` excluded. */
export function removeFolders(path: string, stop: string): void {
  for (let folder = path; folder !== stop && removeIfEmpty(folder); folder = dirname(folder));
}

/** Whether the folder is gone. */
export function removeIfEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (['ENOTEMPTY', 'EBUSY', 'EPERM', 'EROFS'].includes(code ?? '')) return false;
    throw error;
  }
}

/** Opens what is pinned at a path for as long as `use` runs. */
export function withPinned<T>(path: string, use: (fd: number) => T): T {
  const fd = getPinned(path);
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

/** What is open, by the kernel's name for it: `bpf-map`, `bpf-prog`, `bpf_link`. */
export function kindOfPinned(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`).replace('anon_inode:', '');
}
