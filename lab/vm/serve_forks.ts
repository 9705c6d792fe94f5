/**
 * Forks that are asked for at a socket. A request is a line of JSON (`Request` in lab/forked.ts); the answer is a line
 * with the pid and one with the exit status. The connection ends with the command.
 */
import { closeSync, globSync, readSync, writeSync } from 'node:fs';
import type { Request } from '../forked.ts';
import { CHECKOUT } from '../host.ts';
import { moveInto } from '../in_namespace.ts';
import { TARTAN_SCRIPT } from '../tartan.ts';
import { acceptAt, exitNow, fork, reap, redirect } from './fork.ts';

/** Loads what a command imports, also what it imports when it comes to need it. */
export async function loadTartan(): Promise<void> {
  const modules = globSync(`${CHECKOUT}/{cmd,src}/**/*.ts`).filter(
    (path) => path !== TARTAN_SCRIPT,
  );
  await Promise.all(modules.map((path) => import(path)));
}

/**
 * Runs what is asked for, for ever. Each command is a process of its own, a fork of this one, with the arguments, the
 * environment, the namespace, the files and the exit status that Node's would have.
 */
export async function serveForks(listener: number): Promise<void> {
  await runAsked(waitForRequest(listener));
}

interface Asked {
  readonly request: Request;
  /** File descriptor of the connection. */
  readonly connection: number;
}

/** Returns in the children only, one a request. */
function waitForRequest(listener: number): Asked {
  for (;;) {
    const connection = acceptAt(listener);
    const request = readRequest(connection);
    reap();
    if (fork() === 0) {
      closeSync(listener);
      return { request, connection };
    }
    closeSync(connection);
  }
}

function readRequest(connection: number): Request {
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.alloc(65536);
    const length = readSync(connection, part);
    parts.push(part.subarray(0, length));
    if (length === 0 || part[length - 1] === 0x0a) break;
  }
  return JSON.parse(Buffer.concat(parts).toString()) as Request;
}

async function runAsked({ request, connection }: Asked): Promise<void> {
  const { script, args, env, folder, network, files } = request;
  writeSync(connection, `${process.pid}\n`);
  process.once('beforeExit', () => process.exit());
  process.once('exit', (code) => {
    writeSync(connection, `${code}\n`);
    exitNow(code);
  });
  moveInto(network);
  files.forEach((file, fd) => {
    redirect(fd as 0 | 1 | 2, file);
  });
  process.chdir(folder);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv.splice(1, Infinity, script, ...args);
  await import(script);
}
