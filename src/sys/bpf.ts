/**
 * bpf(2), as <linux/bpf.h> has it (`union bpf_attr`): each function fills the part of the union that its command reads.
 * Byte order is the machine's; x86-64 and arm64 are both little-endian, and nothing else is supported.
 */
import { readFileSync } from 'node:fs';
import { bpf, call, callFor, newAttr, putPointer } from './bpf_call.ts';
import { SystemError } from './libc.ts';

const MAP_LOOKUP_ELEM = 1;
const MAP_UPDATE_ELEM = 2;
const MAP_DELETE_ELEM = 3;
const MAP_GET_NEXT_KEY = 4;
const OBJ_PIN = 6;
const OBJ_GET = 7;
const PROG_TEST_RUN = 10;
const OBJ_GET_INFO_BY_FD = 15;
const MAP_LOOKUP_BATCH = 24;
const MAP_UPDATE_BATCH = 26;

function element(
  name: string,
  command: number,
  fd: number,
  key: Buffer | null,
  value: Buffer | null,
): void {
  call(name, command, (attr) => {
    attr.writeUInt32LE(fd, 0);
    putPointer(attr, 8, key);
    putPointer(attr, 16, value);
  });
}

/** Runs `action`, turning ENOENT into `false`. */
function found(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === 'ENOENT') return false;
    throw error;
  }
}

/** Reads the element into `value`; false: there is none. Per-CPU maps need 8-byte-rounded values times possible CPUs. */
export function lookupElement(fd: number, key: Buffer, value: Buffer): boolean {
  return found(() => element('MAP_LOOKUP_ELEM', MAP_LOOKUP_ELEM, fd, key, value));
}

export function updateElement(fd: number, key: Buffer, value: Buffer): void {
  element('MAP_UPDATE_ELEM', MAP_UPDATE_ELEM, fd, key, value);
}

/** False: there was no such element. */
export function deleteElement(fd: number, key: Buffer): boolean {
  return found(() => element('MAP_DELETE_ELEM', MAP_DELETE_ELEM, fd, key, null));
}

/** Writes the key after `key` (`null`: the first) into `next`; false: there is none. */
export function nextKey(fd: number, key: Buffer | null, next: Buffer): boolean {
  return found(() => element('MAP_GET_NEXT_KEY', MAP_GET_NEXT_KEY, fd, key, next));
}

/** Writes `count` elements, keys and values packed one after another. */
export function updateBatch(fd: number, keys: Buffer, values: Buffer, count: number): void {
  if (count === 0) return;
  call('MAP_UPDATE_BATCH', MAP_UPDATE_BATCH, (attr) => {
    putPointer(attr, 16, keys);
    putPointer(attr, 24, values);
    attr.writeUInt32LE(count, 32);
    attr.writeUInt32LE(fd, 36);
  });
}

/** Reads up to `count` elements of an array map into the buffers; returns how many there were. */
export function lookupBatch(fd: number, keys: Buffer, values: Buffer, count: number): number {
  const cursor = Buffer.alloc(8);
  const attr = newAttr();
  putPointer(attr, 8, cursor);
  putPointer(attr, 16, keys);
  putPointer(attr, 24, values);
  attr.writeUInt32LE(count, 32);
  attr.writeUInt32LE(fd, 36);
  // ENOENT only says that the map's end was reached; the count is valid all the same.
  found(() => void bpf('MAP_LOOKUP_BATCH', MAP_LOOKUP_BATCH, attr));
  return attr.readUInt32LE(32);
}

/** How much is read of a map at once: more than the allocator keeps at hand would be new pages each time. */
const BATCH_BYTES = 64 * 1024;

/**
 * All elements of an array or hash, many at a time. What is yielded is good until the next.
 * @param valueBytes the whole of one value, all CPUs' parts
 */
export function* readBatches(
  fd: number,
  keySize: number,
  valueBytes: number,
): Generator<{ readonly keys: Buffer; readonly values: Buffer; readonly count: number }> {
  const most = Math.max(1, Math.floor(BATCH_BYTES / valueBytes));
  const cursor = Buffer.alloc(8);
  const keys = Buffer.alloc(keySize * most);
  const values = Buffer.alloc(valueBytes * most);
  for (let isFirst = true, hasMore = true; hasMore; isFirst = false) {
    const attr = newAttr();
    putPointer(attr, 0, isFirst ? null : cursor);
    putPointer(attr, 8, cursor);
    putPointer(attr, 16, keys);
    putPointer(attr, 24, values);
    attr.writeUInt32LE(most, 32);
    attr.writeUInt32LE(fd, 36);
    hasMore = found(() => void bpf('MAP_LOOKUP_BATCH', MAP_LOOKUP_BATCH, attr));
    const count = attr.readUInt32LE(32);
    yield { keys, values: values.subarray(0, count * valueBytes), count };
  }
}

function pathname(path: string): Buffer {
  return Buffer.from(`${path}\0`);
}

export function pinObject(fd: number, path: string): void {
  const name = pathname(path);
  call(`OBJ_PIN ${path}`, OBJ_PIN, (attr) => {
    putPointer(attr, 0, name);
    attr.writeUInt32LE(fd, 8);
  });
}

/** A new descriptor for what is pinned at the path; the caller closes it. */
export function getPinned(path: string): number {
  const name = pathname(path);
  return callFor(`OBJ_GET ${path}`, OBJ_GET, (attr) => putPointer(attr, 0, name)).result;
}

/** `BPF_OBJ_GET_INFO_BY_FD`: as much of the object's info struct as fits. */
export function objectInfo(fd: number, size: number): Buffer {
  const info = Buffer.alloc(size);
  call('OBJ_GET_INFO_BY_FD', OBJ_GET_INFO_BY_FD, (attr) => {
    attr.writeUInt32LE(fd, 0);
    attr.writeUInt32LE(size, 4);
    putPointer(attr, 8, info);
  });
  return info;
}

/** `struct bpf_map_info`. */
export function readMapInfo(fd: number) {
  const info = objectInfo(fd, 80);
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    keySize: info.readUInt32LE(8),
    valueSize: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
  };
}

/** `struct bpf_prog_info`. The tag is a hash over the instructions. */
export function readProgramInfo(fd: number) {
  const info = objectInfo(fd, 80);
  return { id: info.readUInt32LE(4), tag: info.toString('hex', 8, 16) };
}

/**
 * Runs a tc program on a packet (`BPF_PROG_TEST_RUN`).
 * @param context a `struct __sk_buff`, or part of one, where the program is to see other values than zero
 * @returns what the program returned, and the packet as it left it
 */
export function testRun(
  programFd: number,
  packet: Buffer,
  context?: Buffer,
): { verdict: number; packet: Buffer } {
  // More than headers: the last piece of a packet becomes the whole.
  const out = Buffer.alloc(packet.length + 4096);
  const attr = call('PROG_TEST_RUN', PROG_TEST_RUN, (run) => {
    run.writeUInt32LE(programFd, 0);
    run.writeUInt32LE(packet.length, 8);
    run.writeUInt32LE(out.length, 12);
    putPointer(run, 16, packet);
    putPointer(run, 24, out);
    run.writeUInt32LE(1, 32);
    if (context) {
      run.writeUInt32LE(context.length, 40);
      putPointer(run, 48, context);
    }
  });
  return { verdict: attr.readInt32LE(4), packet: out.subarray(0, attr.readUInt32LE(12)) };
}

/** How many CPUs there can be: a per-CPU map's value has one part for each. */
export function possibleCpus(): number {
  const list = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim();
  const last = list.split(',').at(-1)?.split('-').at(-1);
  return Number(last) + 1;
}
