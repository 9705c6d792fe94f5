/** How networks can be called of which a host has several. */

/** What stands over HTTP for the network that has no name. */
export const UNNAMED = '_';

/** And keys of a network itself, which none below it can be called. */
const TAKEN = ['config', 'subnets', UNNAMED];

/** Whether a network among several can be called so: under a key, in a file name, in a folder of a BPF file system. */
export function isNetworkName(name: string): boolean {
  return isSpelledAsName(name) && !TAKEN.includes(name);
}

/** Whether it has the letters and the length of one. */
export function isSpelledAsName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,32}$/.test(name);
}
