/** Interface names and indexes in this process's network namespace: if_nametoindex(3), if_indextoname(3). */
import { libc } from './libc.ts';

const nameToIndex = libc.func('uint32_t if_nametoindex(str)') as (name: string) => number;
const indexToName = libc.func('void *if_indextoname(uint32_t, void *)') as (
  index: number,
  name: Buffer,
) => unknown;

/** `IF_NAMESIZE`, <net/if.h>. */
const NAME_SIZE = 16;

/** undefined: there is no such interface. */
export function indexOfInterface(name: string): number | undefined {
  return nameToIndex(name) || undefined;
}

/** undefined: there is no such interface. */
export function nameOfInterface(index: number): string | undefined {
  const name = Buffer.alloc(NAME_SIZE);
  if (index === 0 || indexToName(index, name) === null) return undefined;
  return name.toString('utf8', 0, name.indexOf(0));
}
