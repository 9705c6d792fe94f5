import { readFile } from 'node:fs/promises';
import { messageOf, TartanError } from '../errors.ts';

/**
 * The config that `init-config` is given: `-` for standard input, the JSON itself, or the path of a file.
 * @throws TartanError `FILE` if it cannot be read, `CONFIG_INVALID` if it is no text
 */
export async function readConfigSource(
  argument: string,
  readStdin: () => Promise<Buffer>,
): Promise<string> {
  if (/^\s*\{/.test(argument)) return argument;
  return decodeText(await readBytes(argument, readStdin));
}

async function readBytes(argument: string, readStdin: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return argument === '-' ? await readStdin() : await readFile(argument);
  } catch (cause) {
    throw new TartanError(
      'FILE',
      `cannot read the config from ${argument}: ${messageOf(cause)}`,
      'Give the path of a file, - for standard input, or the JSON itself, beginning with {.',
      { cause },
    );
  }
}

function decodeText(bytes: Buffer): string {
  try {
    // The byte order mark is kept, so that JSON.parse can refuse it: flannel could not read it either.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new TartanError('CONFIG_INVALID', 'the config is not UTF-8 text', 'Save it as UTF-8.', {
      cause,
    });
  }
}
