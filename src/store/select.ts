import { isAbsolute, normalize } from 'node:path';
import { TartanError } from '../errors.ts';

/** A store that is named by `--store`. Stores that come later add a `kind`. */
export interface StoreChoice {
  readonly kind: 'file';
  /** Absolute path of the SQLite file. */
  readonly path: string;
}

/**
 * Reads a value of `--store`: `file:/var/lib/tartan/net.db`, or the same as `file:///var/lib/tartan/net.db`.
 * The path is taken as it stands: nothing in it is percent-decoded.
 * @throws TartanError `USAGE`
 */
export function parseStoreUrl(text: string): StoreChoice {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) {
    throw wrongUse(text, 'names no kind of store', `Did you mean file:${text || '/path'}?`);
  }
  switch (scheme.toLowerCase()) {
    case 'file':
      return { kind: 'file', path: parseFilePath(text, rest) };
    case 'http':
    case 'https':
      // A URL may carry a password, so it is not repeated.
      throw new TartanError(
        'USAGE',
        `--store ${scheme}: is no store`,
        'Give --remote host:port for one that a `tartan serve` offers, or leave --store out to use etcd.',
      );
    default:
      throw wrongUse(
        `${scheme}:…`,
        'is of no known kind',
        'Use file:/path, or leave --store out to use etcd (--etcd-endpoints).',
      );
  }
}

function parseFilePath(text: string, rest: string): string {
  const path = rest.startsWith('//') ? rest.slice(2) : rest;
  const example = 'Give the whole path of a file, such as file:/var/lib/tartan/net.db.';
  if (path === '') throw wrongUse(text, 'has no path', example);
  if (!isAbsolute(path)) {
    throw wrongUse(text, `has a relative path, ${JSON.stringify(path)}`, example);
  }
  if (path.endsWith('/')) throw wrongUse(text, 'names a folder', example);
  if (path.includes('\0')) throw wrongUse(text, 'has a NUL character in its path', example);
  return normalize(path);
}

function wrongUse(text: string, problem: string, hint: string): TartanError {
  return new TartanError('USAGE', `--store ${JSON.stringify(text)} ${problem}`, hint);
}
