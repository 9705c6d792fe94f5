/** Scripts run by the fork server of an emulated machine (lab/vm/fork_server.ts). */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { interrupted, trackCommand } from './interrupt.ts';
import { type Environment, type Running, type StartOptions, signalGroup } from './process.ts';

/** Its socket; none on other machines, where Node is quick enough. */
export const FORK_SERVER = process.env.TARTAN_LAB_FORK_SERVER;

export interface Request {
  /** Path of the script. */
  readonly script: string;
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

/** Like `start` with Node in that namespace, but that the pid is known only later and 0 here. */
export function startForked(
  script: string,
  args: readonly string[],
  options: ForkOptions,
): Running {
  const { server, network, input = '' } = options;
  const folder = mkdtempSync('/tmp/forked-');
  const [stdin, stdout, stderr] = [`${folder}/in`, `${folder}/out`, `${folder}/err`] as const;
  writeFileSync(stdin, input);
  for (const file of [stdout, stderr]) writeFileSync(file, '');
  const readSaid = () => ({
    stdout: readFileSync(stdout, 'utf8'),
    stderr: readFileSync(stderr, 'utf8'),
  });
  let said: ReturnType<typeof readSaid> | undefined;
  const env = { ...process.env, ...options.env };
  const request: Request = {
    script,
    args,
    env,
    folder: process.cwd(),
    network,
    files: [stdin, stdout, stderr],
  };

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
      said = readSaid();
      return { code: code === '' ? 255 : Number(code), ...said };
    })
    .finally(() => rmSync(folder, { recursive: true }));
  ended.catch(pid.reject);
  pid.promise.catch(() => {});

  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (said === undefined) signalGroup(await pid.promise, signal);
    return await ended;
  };
  if (!options.evenIfInterrupted) {
    interrupted.addEventListener('abort', () => void stop(), { once: true });
    trackCommand(ended);
  }
  return {
    pid: 0,
    stdout: () => (said ?? readSaid()).stdout,
    stderr: () => (said ?? readSaid()).stderr,
    ended,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}
