/** `tartan` by the fork server of an emulated machine (lab/vm/fork_server.ts). */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { interrupted, trackCommand } from './interrupt.ts';
import { type Environment, type Running, type StartOptions, signalGroup } from './process.ts';

/** Its socket; none on other machines, where the launcher is quick enough. */
export const FORK_SERVER = process.env.TARTAN_LAB_FORK_SERVER;

export interface Request {
  readonly args: readonly string[];
  readonly env: Environment;
  readonly folder: string;
  /** Path of the network namespace. */
  readonly network: string;
  /** Standard input, output and error. */
  readonly files: readonly [string, string, string];
}

export interface ForkOptions extends Pick<StartOptions, 'env' | 'input' | 'evenIfInterrupted'> {
  /** Path of the fork server's socket. */
  readonly server: string;
  readonly network: string;
}

/** Like `start` with the launcher in that namespace, but that the pid is known only later and 0 here. */
export function startForked(args: readonly string[], options: ForkOptions): Running {
  const { server, network, input = '' } = options;
  const folder = mkdtempSync('/tmp/forked-');
  const files = ['stdin', 'stdout', 'stderr'].map((name) => `${folder}/${name}`);
  for (const file of files) writeFileSync(file, file.endsWith('stdin') ? input : '');
  const [, stdout = '', stderr = ''] = files;
  const env = { ...process.env, ...options.env };
  const request = { args, env, folder: process.cwd(), network, files };

  const socket = connect(server, () => socket.write(`${JSON.stringify(request)}\n`));
  const pid = Promise.withResolvers<number>();
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
    if (answer.includes('\n')) pid.resolve(Number.parseInt(answer, 10));
  });
  const ended = new Promise<void>((resolve, reject) => {
    socket.once('error', reject).once('close', () => resolve());
  })
    .then(() => {
      const [, code = ''] = answer.split('\n');
      const said = { stdout: readFileSync(stdout, 'utf8'), stderr: readFileSync(stderr, 'utf8') };
      return { code: code === '' ? 255 : Number(code), ...said };
    })
    .finally(() => rmSync(folder, { recursive: true }));
  ended.catch(pid.reject);
  pid.promise.catch(() => {});

  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    signalGroup(await pid.promise, signal);
    return await ended;
  };
  if (!options.evenIfInterrupted) {
    interrupted.addEventListener('abort', () => void stop(), { once: true });
    trackCommand(ended);
  }
  return {
    pid: 0,
    stdout: () => readFileSync(stdout, 'utf8'),
    stderr: () => readFileSync(stderr, 'utf8'),
    ended,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}
