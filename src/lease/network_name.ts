/** How networks can be called of which a host has several. */

/** Keys of a network itself, which none below it can be called. */
const TAKEN = ['config', 'subnets'];

/** Whether a network among several can be called so: under a key, in a file name, in a folder of a BPF file system. */
export function isNetworkName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,32}$/.test(name) && !TAKEN.includes(name);
}
