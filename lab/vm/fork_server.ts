/**
 * In an emulated machine: runs `tartan`, and the tests' own scripts, in a process that has tartan loaded already. There,
 * Node takes two of a command's three seconds to begin. Each command is a process of its own, a fork of this one, with the arguments, the
 * environment, the namespace, the files and the exit status that the launcher's would have.
 *
 * Argument: path of the Unix socket. A request is a line of JSON (`Request` in lab/forked.ts); the answer is a line
 * with the pid and one with the exit status. The connection ends with the command.
 */
import { closeSync, globSync, readSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Request } from '../forked.ts';
import { TARTAN_SCRIPT } from '../tartan.ts';
import { acceptAt, enterNetwork, exitNow, fork, listenAt, reap, redirect } from './fork.ts';

const ROOT = resolve(import.meta.dirname, '../..');

// Also what a command imports when it comes to need it.
const modules = globSync(`${ROOT}/{cmd,src}/**/*.ts`).filter((path) => path !== TARTAN_SCRIPT);
await Promise.all(modules.map((path) => import(path)));
await runAsked(waitForRequest(listenAt(process.argv[2] as string)));

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
  enterNetwork(network);
  files.forEach((file, fd) => {
    redirect(fd as 0 | 1 | 2, file);
  });
  process.chdir(folder);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv.splice(1, Infinity, script, ...args);
  await import(script);
}
