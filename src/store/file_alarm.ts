import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** The longest wait between two looks: a net under inotify, for a writer killed between commit and announcement. */
const IDLE_LIMIT_MS = 1_000;
/** The same where inotify has no watch left for us. */
const POLL_MS = 20;

/** Tells when a look at the file is due. */
export interface FileAlarm extends Disposable {
  /** Resolves when the file may have changed, after `limitMs`, or when the signal aborts. */
  next(limitMs: number): Promise<void>;
}

/**
 * Watches the file and SQLite's files beside it, through their folder.
 *
 * The write to the log comes before the commit can be seen, by as long as the disk takes. The writer announces the
 * commit, but may be killed before it does: so after each sign of life the next looks follow in 1, 2, 4, … ms.
 */
export function openFileAlarm(path: string, signal: AbortSignal): FileAlarm {
  let isDue = false;
  let looksSinceSign = 0;
  let wake: (() => void) | null = null;
  const ring = () => {
    isDue = true;
    wake?.();
  };
  const watcher = watchFolder(path, () => {
    looksSinceSign = 0;
    ring();
  });
  signal.addEventListener('abort', ring, { once: true });

  return {
    next(limitMs) {
      const idleLimitMs = watcher === null ? POLL_MS : IDLE_LIMIT_MS;
      const pauseMs = Math.min(2 ** looksSinceSign, idleLimitMs, Math.max(limitMs, 0));
      looksSinceSign = Math.min(looksSinceSign + 1, 16);
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer);
          wake = null;
          isDue = false;
          resolve();
        };
        const timer = setTimeout(finish, pauseMs);
        wake = finish;
        if (isDue || signal.aborted) finish();
      });
    },
    [Symbol.dispose]() {
      signal.removeEventListener('abort', ring);
      watcher?.close();
    },
  };
}

/** @returns null if the kernel's limit of inotify watches is reached */
function watchFolder(path: string, onSign: () => void): FSWatcher | null {
  const file = basename(path);
  try {
    const watcher = watch(dirname(path), (_type, name) => {
      if (name === null || name.startsWith(file)) onSign();
    });
    watcher.on('error', onSign);
    return watcher;
  } catch {
    return null;
  }
}
