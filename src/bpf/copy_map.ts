/** What stands in a map, into another one of a later or earlier version. */
import {
  lookupElement,
  nextKey,
  possibleCpus,
  readBatches,
  updateBatch,
  updateElement,
} from '../sys/bpf.ts';
import { SystemError } from '../sys/libc.ts';
import { fitValues, type OpenMap } from './open_map.ts';

/** `enum bpf_map_type`: BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY. */
const ARRAY = 2;
const PERCPU_HASH = 5;
const PERCPU_ARRAY = 6;

/** Whether what one map holds can be read as the other's: keys are never translated. */
export function canCopy(
  from: Pick<OpenMap, 'type' | 'keySize'>,
  to: Pick<OpenMap, 'type' | 'keySize'>,
): boolean {
  return from.type === to.type && from.keySize === to.keySize;
}

/**
 * Copies by common prefix: of values, the bytes that both sizes have; of an array, the elements that both have; of other
 * maps as many as there is room for. What is behind is zero.
 */
export function copyMap(from: OpenMap, to: OpenMap): void {
  if (from.type === ARRAY || from.type === PERCPU_ARRAY) copyArray(from, to);
  else copyElements(from, to);
}

/** In bytes, as system calls have it: a per-CPU map's value has a part for each CPU, rounded up to 8. */
export function valueBytes({ type, valueSize }: OpenMap): { part: number; parts: number } {
  const isPerCpu = type === PERCPU_ARRAY || type === PERCPU_HASH;
  return isPerCpu
    ? { part: Math.ceil(valueSize / 8) * 8, parts: possibleCpus() }
    : { part: valueSize, parts: 1 };
}

function copyArray(from: OpenMap, to: OpenMap): void {
  const [source, target] = [valueBytes(from), valueBytes(to)];
  for (const batch of readBatches(from.fd, from.keySize, source.part * source.parts)) {
    let { count } = batch;
    while (count > 0 && batch.keys.readUInt32LE(4 * (count - 1)) >= to.maxEntries) count -= 1;
    updateBatch(to.fd, batch.keys, fitValues(batch.values, source.part, target.part), count);
  }
}

function copyElements(from: OpenMap, to: OpenMap): void {
  const [source, target] = [valueBytes(from), valueBytes(to)];
  const value = Buffer.alloc(source.part * source.parts);
  for (const key of keysOf(from)) {
    if (!lookupElement(from.fd, key, value)) continue;
    try {
      updateElement(to.fd, key, fitValues(value, source.part, target.part));
    } catch (error) {
      // Full: an LPM trie says ENOSPC, a hash E2BIG.
      if (error instanceof SystemError && ['E2BIG', 'ENOSPC'].includes(error.errno)) return;
      throw error;
    }
  }
}

/** A key that goes meanwhile makes the kernel begin anew: so at most as many as there can be. */
function* keysOf({ fd, keySize, maxEntries }: OpenMap): Generator<Buffer> {
  let key: Buffer | null = null;
  for (let count = 0; count < maxEntries; count += 1) {
    const next: Buffer = Buffer.alloc(keySize);
    if (!nextKey(fd, key, next)) return;
    yield next;
    key = next;
  }
}
