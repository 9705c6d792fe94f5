/** libbpf: loading an object file with its maps and relocations. Everything else is plain bpf(2). */
import koffi from 'koffi';
import { SystemError } from './libc.ts';

type Pointer = unknown;

/** What is used of libbpf 1.x; its functions return NULL or a negative number and set errno. */
function bind() {
  const library = koffi.load('libbpf.so.1');
  return {
    setPrint: library.func('void *libbpf_set_print(void *)') as (callback: null) => Pointer,
    open: library.func('void *bpf_object__open_file(str, void *)') as (
      path: string,
      options: null,
    ) => Pointer | null,
    load: library.func('int bpf_object__load(void *)') as (object: Pointer) => number,
    close: library.func('void bpf_object__close(void *)') as (object: Pointer) => void,
    findMap: library.func('void *bpf_object__find_map_by_name(void *, str)') as (
      object: Pointer,
      name: string,
    ) => Pointer | null,
    findProgram: library.func('void *bpf_object__find_program_by_name(void *, str)') as (
      object: Pointer,
      name: string,
    ) => Pointer | null,
    setMaxEntries: library.func('int bpf_map__set_max_entries(void *, uint32_t)') as (
      map: Pointer,
      count: number,
    ) => number,
    reuseFd: library.func('int bpf_map__reuse_fd(void *, int)') as (
      map: Pointer,
      fd: number,
    ) => number,
    mapType: library.func('int bpf_map__type(void *)') as (map: Pointer) => number,
    keySize: library.func('uint32_t bpf_map__key_size(void *)') as (map: Pointer) => number,
    valueSize: library.func('uint32_t bpf_map__value_size(void *)') as (map: Pointer) => number,
    maxEntries: library.func('uint32_t bpf_map__max_entries(void *)') as (map: Pointer) => number,
    mapFlags: library.func('uint32_t bpf_map__map_flags(void *)') as (map: Pointer) => number,
    mapFd: library.func('int bpf_map__fd(void *)') as (map: Pointer) => number,
    programFd: library.func('int bpf_program__fd(void *)') as (program: Pointer) => number,
    setLog: library.func('int bpf_program__set_log_buf(void *, void *, size_t)') as (
      program: Pointer,
      buffer: Buffer,
      size: number,
    ) => number,
  };
}

let bound: ReturnType<typeof bind> | undefined;

/** @throws Error of the dynamic linker where libbpf.so.1 is missing */
export function openLibrary(): void {
  libbpf();
}

/** Bound at the first use. */
function libbpf(): ReturnType<typeof bind> {
  if (!bound) {
    bound = bind();
    // Its messages go to stderr by default, which belongs to the caller.
    bound.setPrint(null);
  }
  return bound;
}

/** How much of the verifier's log is kept: it ends with the reason. */
const LOG_BYTES = 64 * 1024;

export interface LoadOptions<M extends string = string> {
  readonly path: string;
  /** Maps and their sizes, where it is not the object's own. */
  readonly maxEntries?: Readonly<Record<string, number>>;
  /** The descriptor of a map that exists already and is to be used instead of a new one; null: there is none. */
  readonly reuse?: (name: M, definition: MapDefinition) => number | null;
  readonly maps: readonly M[];
  readonly programs: readonly string[];
}

/** What makes two maps interchangeable; the numbers are <linux/bpf.h>'s, sizes are in bytes. */
export interface MapDefinition {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

function definitionOf(map: Pointer): MapDefinition {
  const lib = libbpf();
  return {
    type: lib.mapType(map),
    keySize: lib.keySize(map),
    valueSize: lib.valueSize(map),
    maxEntries: lib.maxEntries(map),
    flags: lib.mapFlags(map),
  };
}

/** A loaded object. The descriptors live until `close`; pin what is to stay. */
export interface LoadedObject {
  mapFd(name: string): number;
  programFd(name: string): number;
  close(): void;
}

/** The kernel's verifier refused a program. */
export class VerifierError extends Error {
  readonly log: string;

  constructor(program: string, log: string, cause: SystemError) {
    super(`the kernel refused program ${program}: ${cause.errno}`, { cause });
    this.name = 'VerifierError';
    this.log = log;
  }
}

function required<T>(what: string, pointer: T | null): T {
  if (pointer === null) throw new SystemError(what, koffi.errno());
  return pointer;
}

/**
 * Opens, relocates and loads a BPF object file.
 * @throws SystemError, VerifierError, or the dynamic linker's error where libbpf is missing
 */
export function loadObject<M extends string>(options: LoadOptions<M>): LoadedObject {
  const lib = libbpf();
  const object = required(`bpf_object__open_file ${options.path}`, lib.open(options.path, null));
  try {
    const map = (name: string) =>
      required(`map ${name} of ${options.path}`, lib.findMap(object, name));
    const program = (name: string) =>
      required(`program ${name} of ${options.path}`, lib.findProgram(object, name));
    for (const [name, count] of Object.entries(options.maxEntries ?? {}))
      lib.setMaxEntries(map(name), count);
    for (const name of options.maps) {
      const fd = options.reuse?.(name, definitionOf(map(name))) ?? null;
      if (fd !== null && lib.reuseFd(map(name), fd) !== 0)
        throw new SystemError(`bpf_map__reuse_fd ${name}`, koffi.errno());
    }
    const logs = options.programs.map((name) => {
      const log = Buffer.alloc(LOG_BYTES);
      lib.setLog(program(name), log, LOG_BYTES);
      return { name, log };
    });
    if (lib.load(object) !== 0) throw loadError(options.path, koffi.errno(), logs);
    return {
      mapFd: (name) => lib.mapFd(map(name)),
      programFd: (name) => lib.programFd(program(name)),
      close: () => lib.close(object),
    };
  } catch (error) {
    lib.close(object);
    throw error;
  }
}

function loadError(path: string, errno: number, logs: { name: string; log: Buffer }[]): Error {
  const cause = new SystemError(`bpf_object__load ${path}`, errno);
  for (const { name, log } of logs) {
    const text = log.toString('latin1', 0, log.indexOf(0));
    if (text !== '') return new VerifierError(name, text, cause);
  }
  return cause;
}
