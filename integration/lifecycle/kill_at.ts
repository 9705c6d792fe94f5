/**
 * Preloaded (`--import`) into a command: ends its process in front of the step of number TARTAN_TEST_KILL_AT, counted
 * over everything that changes the machine: bpf(2) calls that write, locks, commands of iproute2, files, commits of the store.
 * The command itself is as it ships.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';

const killAt = Number(process.env.TARTAN_TEST_KILL_AT);
const signal = (process.env.TARTAN_TEST_SIGNAL ?? 'SIGKILL') as NodeJS.Signals;
let steps = 0;

function step(): void {
  steps += 1;
  if (steps === killAt) process.kill(process.pid, signal);
}

type Call = (...args: never[]) => unknown;

function countCalls(owner: object, name: string, counts: (...args: unknown[]) => boolean): void {
  const table = owner as Record<string, Call>;
  const call = table[name];
  if (call === undefined) throw new Error(`there is no ${name}`);
  table[name] = function (this: unknown, ...args: never[]) {
    if (counts(...args)) step();
    return call.apply(this, args);
  };
}

/** MAP_UPDATE_ELEM, MAP_DELETE_ELEM, OBJ_PIN, MAP_UPDATE_BATCH, LINK_CREATE, LINK_UPDATE, LINK_DETACH. */
const WRITING_BPF_COMMANDS: readonly unknown[] = [2, 3, 6, 26, 28, 29, 34];

/** By the beginning of the C declaration. */
const COUNTED_CALLS: readonly { starts: string; when: (...args: unknown[]) => boolean }[] = [
  { starts: 'int flock(', when: () => true },
  {
    starts: 'long syscall(',
    when: (_number, command) => WRITING_BPF_COMMANDS.includes(command),
  },
];

interface Koffi {
  load(path: string): { func(declaration: string): Call };
}
// By a name that no import statement has: only src/sys uses it, and this stands between the two.
const library: string = 'koffi';
const { default: koffi } = (await import(library)) as { default: Koffi };
const load = koffi.load;
koffi.load = (path) => {
  const loaded = load(path);
  const func = (declaration: string) => {
    const call = loaded.func(declaration) as (...args: unknown[]) => unknown;
    const counts = COUNTED_CALLS.find(({ starts }) => declaration.startsWith(starts));
    if (counts === undefined) return call;
    return (...args: unknown[]) => {
      if (counts.when(...args)) step();
      return call(...args);
    };
  };
  return new Proxy(loaded, {
    get: (target, name) => (name === 'func' ? func : Reflect.get(target, name)),
  });
};

const reads = (argv: unknown) => (argv as string[]).includes('-json');
countCalls(childProcess, 'execFile', (_, argv) => !reads(argv));
for (const name of ['open', 'rename', 'rm', 'rmdir'])
  countCalls(fs.promises, name, (path) => !String(path).startsWith('/proc'));
for (const name of ['renameSync', 'unlinkSync']) countCalls(fs, name, () => true);
countCalls(DatabaseSync.prototype, 'exec', (sql) => sql === 'COMMIT');
syncBuiltinESMExports();

process.on('exit', () => {
  const { TARTAN_TEST_STEPS: path } = process.env;
  if (path !== undefined) fs.writeFileSync(path, String(steps));
});
