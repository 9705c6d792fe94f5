/** What Node has no name for: a second process that goes on where this one is, with all that is loaded. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { checked, close, koffi, libc } from '../../src/sys/libc.ts';
import { bind, SOCK_CLOEXEC, socket } from '../../src/sys/socket.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const WNOHANG = 1;
const MADV_DONTFORK = 10;
const MADV_DOFORK = 11;

const madvise = libc.func('int madvise(uint64_t, size_t, int)');
const forkProcess = libc.func('int fork()');
const getpid = libc.func('int getpid()');
const setsid = libc.func('int setsid()');
const dup2 = libc.func('int dup2(int, int)');
const waitpid = libc.func('int waitpid(int, void *, int)');
const alarm = libc.func('uint32_t alarm(uint32_t)');
const listen = libc.func('int listen(int, int)');
const accept4 = libc.func('int accept4(int, void *, void *, int)');

/** `_exit(2)`: without the end that Node makes, which would wait for threads that stayed with the parent. */
export const exitNow = libc.func('void _exit(int)') as unknown as (code: number) => never;

/** Of Node itself, which brings libuv along. */
const node = koffi.load(null as unknown as string);
const defaultLoop = node.func('void *uv_default_loop()');
const forkLoop = node.func('int uv_loop_fork(void *)');

/** A Unix socket that is listened to. Calls on it block, and leave the event loop alone. */
export function listenAt(path: string): number {
  const fd = checked('socket', socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX);
  address.write(path, 2);
  checked('bind', bind(fd, address, address.length));
  checked('listen', listen(fd, 64));
  return fd;
}

/** Waits for the next one who connects, and returns its file descriptor. */
export function acceptAt(listener: number): number {
  return checked('accept4', accept4(listener, null, null, SOCK_CLOEXEC));
}

/**
 * `fork(2)`. Of the threads only the calling one is in the child: so V8 has to be told not to use others
 * (`--single-threaded`), and libuv makes its own anew.
 * @returns 0 in the child
 */
export function fork(): number {
  withheld ??= findWithheld();
  keepMemory();
  const pid = checked('fork', forkProcess());
  if (pid > 0) return pid;
  checked('setsid', setsid());
  forkLoop(defaultLoop());
  // A child that starts another program does not need a copy of all that either.
  for (const [start, length] of withheld) madvise(start, length, MADV_DONTFORK);
  // Node has kept the parent's.
  Object.defineProperty(process, 'pid', { value: getpid() });
  return 0;
}

type Range = readonly [start: bigint, length: bigint];

/** Start and length of the mappings in what /proc/PID/maps says. */
function rangesIn(maps: string): Range[] {
  return Array.from(maps.matchAll(/^([0-9a-f]{1,12})-([0-9a-f]{1,12}) /gm), ([, from, to]) => {
    const start = BigInt(`0x${from}`);
    return [start, BigInt(`0x${to}`) - start];
  });
}

/** Memory that a fork leaves out, found before the first one. */
let withheld: Range[] | undefined;

function findWithheld(): Range[] {
  return readFileSync('/proc/self/smaps', 'utf8')
    .split(/^(?=[0-9a-f]+-)/m)
    .filter((mapping) => /^VmFlags:.* dc\b/m.test(mapping))
    .flatMap(rangesIn);
}

/**
 * V8 asks the kernel to leave its memory out of a fork, because an exec commonly follows. What is mapped while this
 * runs is asked for again, until nothing new is.
 */
function keepMemory(): void {
  let maps: Buffer = Buffer.alloc(0);
  let seen: Buffer = readMaps(buffers[0]);
  while (!seen.equals(maps)) {
    maps = seen;
    for (const [start, length] of rangesIn(maps.toString())) madvise(start, length, MADV_DOFORK);
    seen = readMaps(buffers[maps.buffer === buffers[0].buffer ? 1 : 0]);
  }
}

const buffers = [Buffer.allocUnsafeSlow(1 << 20), Buffer.allocUnsafeSlow(1 << 20)] as const;

function readMaps(into: Buffer): Buffer {
  const fd = openSync('/proc/self/maps', 'r');
  let length = 0;
  for (let more = -1; more !== 0; length += more) {
    more = readSync(fd, into, length, into.length - length, null);
  }
  closeSync(fd);
  return into.subarray(0, length);
}

/** Forgets the children that have ended. */
export function reap(): void {
  while (waitpid(-1, null, WNOHANG) > 0);
}

/** Waits for the end of a fork; its exit status, or 128 and the signal that ended it. */
export function waitForFork(pid: number): number {
  const status = Buffer.alloc(4);
  checked('waitpid', waitpid(pid, status, 0));
  const [signal, code] = [status.readUInt8(0) & 0x7f, status.readUInt8(1)];
  return signal === 0 ? code : 128 + signal;
}

/** This process ends then, by SIGALRM, if it has not before. */
export function killAfter(seconds: number): void {
  alarm(seconds);
}

/** Standard input, output or error is that file from now on. */
export function redirect(fd: 0 | 1 | 2, path: string): void {
  const file = openSync(path, fd === 0 ? 'r' : 'a');
  checked(`dup2 ${path}`, dup2(file, fd));
  close(file);
}
