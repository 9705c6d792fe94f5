/**
 * Preloaded (`--import`) into a command: something happens at the step of number TARTAN_TEST_FAULT_AT, counted over all
 * that changes the machine or the store: bpf(2) calls that write, locks, commands of iproute2 and nft, netlink
 * requests that write, offloads, files, commits of SQLite, requests to etcd. The command itself is as it ships. TARTAN_TEST_FAULT says what happens:
 *
 * - `SIGKILL before`, `SIGKILL after`, or another signal: the process gets it in front of the step, or behind it;
 * - `ENOSPC`, or another errno: the step fails so. Of several commands for one `ip -batch`, the first is carried out. etcd
 *   refuses the request.
 *
 * TARTAN_TEST_STEPS names a file that the names of all steps are written to when the process ends.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { getSystemErrorMessage, promisify } from 'node:util';
import { countedCalls, type Decode } from './native_calls.ts';

const { TARTAN_TEST_FAULT_AT, TARTAN_TEST_FAULT = '', TARTAN_TEST_STEPS } = process.env;
const [fault = '', side] = TARTAN_TEST_FAULT.split(' ');
const steps: string[] = [];

type Call = (...args: never[]) => unknown;

interface Ways<T> {
  /** Does what it does; to call `behind` when it is done. */
  carryOut(behind: () => void): T;
  refuse(errno: string): T;
}

function step<T>(name: string, { carryOut, refuse }: Ways<T>): T {
  steps.push(name);
  const strike = () => process.kill(process.pid, fault as NodeJS.Signals);
  if (steps.length !== Number(TARTAN_TEST_FAULT_AT)) return carryOut(() => {});
  if (side === 'after') return carryOut(strike);
  if (side === undefined) return refuse(fault);
  strike();
  return carryOut(() => {});
}

function numberOf(errno: string): number {
  return (constants.errno as Record<string, number>)[errno] ?? constants.errno.EIO;
}

function systemError(errno: string, what: string): Error {
  const message = `${errno}: ${getSystemErrorMessage(-numberOf(errno))}, ${what}`;
  return Object.assign(new Error(message), { code: errno, errno: -numberOf(errno) });
}

/** Puts a step in the place of a method, for those calls that `nameOf` has a name for. */
function count(
  owner: object,
  method: string,
  nameOf: (args: readonly unknown[]) => string | null,
  waysOf: (call: () => unknown, name: string) => Ways<unknown>,
): void {
  const table = owner as Record<string, Call>;
  const call = table[method];
  if (call === undefined) throw new Error(`there is no ${method}`);
  table[method] = function (this: unknown, ...args: never[]) {
    const name = nameOf(args);
    if (name === null) return call.apply(this, args);
    return step(
      name,
      waysOf(() => call.apply(this, args), name),
    );
  };
}

const atOnce = (call: () => unknown, name: string): Ways<unknown> => ({
  carryOut(behind) {
    try {
      return call();
    } finally {
      behind();
    }
  },
  refuse(errno) {
    throw systemError(errno, name);
  },
});

const later = (call: () => unknown, name: string): Ways<unknown> => ({
  async carryOut(behind) {
    try {
      return await call();
    } finally {
      behind();
    }
  },
  refuse: (errno) => Promise.reject(systemError(errno, name)),
});

const named =
  (method: string) =>
  ([path]: readonly unknown[]) =>
    typeof path !== 'string' || path.startsWith('/proc') ? null : `${method} ${path}`;
const anyFile = await fs.promises.open('/dev/null');
for (const method of ['writeFile', 'sync'])
  count(Object.getPrototypeOf(anyFile), method, () => method, later);
await anyFile.close();
for (const method of ['open', 'rename', 'rm', 'rmdir'])
  count(fs.promises, method, named(method), later);
for (const method of ['mkdirSync', 'renameSync', 'unlinkSync', 'rmdirSync'])
  count(fs, method, named(method), atOnce);

/** SQLITE_FULL and SQLITE_IOERR, https://sqlite.org/rescode.html */
const SQLITE = { ENOSPC: 13, other: 10 };
let isWriting = false;
count(
  DatabaseSync.prototype,
  'exec',
  ([sql]) => {
    if (sql === 'COMMIT') return isWriting ? 'COMMIT' : null;
    isWriting = sql === 'BEGIN IMMEDIATE';
    return null;
  },
  (call, name) => ({
    ...atOnce(call, name),
    refuse(errno) {
      const errcode = errno === 'ENOSPC' ? SQLITE.ENOSPC : SQLITE.other;
      throw Object.assign(new Error(`SQLite: ${errno}`), { code: 'ERR_SQLITE_ERROR', errcode });
    },
  }),
);

/** Of iproute2 and nftables. Others try something out, or load a module, which nothing of ours takes back. */
const COMMANDS = ['ip', 'bridge', 'nft'];

type Run = (path: string, argv: readonly string[], options: object, done: Call) => unknown;
const execFile = childProcess.execFile as unknown as Run;
const counting: Run = (path, argv, options, done) => {
  if (argv.includes('-json') || argv.includes('-j')) return execFile(path, argv, options, done);
  return step([path, ...argv].join(' '), {
    carryOut: (behind) =>
      execFile(path, argv, options, (...answer) => {
        behind();
        done(...answer);
      }),
    refuse(errno) {
      const says = `RTNETLINK answers: ${getSystemErrorMessage(-numberOf(errno))}`;
      const script = argv.includes('-batch')
        ? `head -n 1 | ${path} -batch -; echo "${says}" >&2; echo 'Command failed -:2' >&2; exit 1`
        : `echo "${says}" >&2; exit 2`;
      return execFile('sh', ['-c', script], options, done);
    },
  });
};
(childProcess as { execFile: unknown }).execFile = Object.assign(
  (...args: Parameters<Run>) =>
    (COMMANDS.includes(basename(args[0])) ? counting : execFile)(...args),
  // What it resolves to, it says of itself.
  { [promisify.custom]: promisify(childProcess.execFile) },
);

/** What etcd says when its disk is full, https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const RESOURCE_EXHAUSTED = '8';

/** Of gRPC. */
const WRITING_REQUESTS = ['.KV/Txn', '.Lease/LeaseGrant', '.Lease/LeaseRevoke'];

const connect = http2.connect;
http2.connect = ((...args: Parameters<typeof connect>) => {
  const session = connect(...args);
  const request = session.request.bind(session);
  session.request = (headers, options) => {
    const path = String((headers as http2.OutgoingHttpHeaders | undefined)?.[':path']);
    if (!WRITING_REQUESTS.some((writing) => path.endsWith(writing)))
      return request(headers, options);
    return step(path, {
      // Once the answer's trailers are there; the process must not see them first.
      carryOut: (behind) => request(headers, options).prependListener('trailers', behind),
      // A method that etcd does not have: its answer is a status alone, which becomes another here.
      refuse: (errno) =>
        request({ ...headers, ':path': `${path}Refused` }, options).prependListener(
          'response',
          (answer) => {
            answer['grpc-status'] = RESOURCE_EXHAUSTED;
            answer['grpc-message'] = `etcdserver: ${errno}`;
          },
        ),
    });
  };
  return session;
}) as typeof connect;
syncBuiltinESMExports();

interface Koffi {
  load(path: string): { func(declaration: string): Call };
  errno(number: number): void;
  decode: Decode;
}
// By a name that no import statement has: only src/sys uses it, and this stands between the two.
const library: string = 'koffi';
const { default: koffi } = (await import(library)) as { default: Koffi };
const load = koffi.load;
const counted = countedCalls(koffi.decode);
koffi.load = (path) => {
  const loaded = load(path);
  const func = (declaration: string) => {
    const found = counted.find(([beginning]) => declaration.startsWith(beginning));
    const native = { call: loaded.func(declaration) };
    if (found === undefined) return native.call;
    count(native, 'call', found[1], (call, name) => ({
      ...atOnce(call, name),
      refuse(errno) {
        koffi.errno(numberOf(errno));
        return -1;
      },
    }));
    return native.call;
  };
  return new Proxy(loaded, {
    get: (target, name) => (name === 'func' ? func : Reflect.get(target, name)),
  });
};

process.on('exit', () => {
  if (TARTAN_TEST_STEPS !== undefined)
    fs.writeFileSync(TARTAN_TEST_STEPS, steps.map((name) => `${name}\n`).join(''));
});
