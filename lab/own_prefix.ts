/**
 * Preloaded (`--import`) into test files that run side by side: each gives its labs names of its own, and the commands
 * that it starts with it, as many files call theirs the same. A file's names are the same in every run, so that what an
 * earlier one left is noticed.
 */
import { crc32 } from 'node:zlib';

const { NODE_TEST_CONTEXT: context, TARTAN_LAB_PREFIX: prefix = 'tartan' } = process.env;

// The runner itself, which starts them, loads this too.
if (context?.startsWith('child')) {
  const file = crc32(process.argv[1] ?? '').toString(36);
  process.env.TARTAN_LAB_PREFIX = `${prefix}${file}`;
}
