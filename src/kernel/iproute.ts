/** iproute2 and nft: batches of commands into `ip -batch` and `nft -f`, JSON out of `ip -json`. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { messageOf, TartanError } from '../errors.ts';

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Where Debian has them: a timer's or a user's PATH may lack these. */
const FOLDERS = ['/usr/sbin', '/sbin'];

async function run(
  command: string,
  argv: readonly string[],
  input = '',
  lines: readonly string[] = [],
): Promise<Output> {
  for (const path of [command, ...FOLDERS.map((folder) => `${folder}/${command}`)]) {
    try {
      return await runAt(path, argv, input);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw runError(command, argv, lines, error);
    }
  }
  throw missing(command);
}

const PACKAGES = [
  ['nft', 'nftables'],
  ['iptables', 'iptables'],
] as const;

function missing(command: string): TartanError {
  const from = PACKAGES.find(([start]) => command.startsWith(start))?.[1] ?? 'iproute2';
  return new TartanError(
    'MISSING',
    `the command ${command} is missing: it is neither on PATH nor in ${FOLDERS.join(' or ')}`,
    `Install ${from}, or put the command's folder on PATH.`,
  );
}

let isThere = false;

/** So that who changes the host by it does not find out halfway. @throws TartanError `MISSING` */
export function requireIproute2(): void {
  const folders = [...(process.env.PATH ?? '').split(':'), ...FOLDERS];
  isThere ||= folders.some((folder) => existsSync(`${folder}/ip`));
  if (!isThere) throw missing('ip');
}

/** @throws the error of execFile, with what the command said on stderr */
function runAt(path: string, argv: readonly string[], input: string): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      path,
      argv,
      { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ stdout, stderr });
        reject(Object.assign(error, { stderr }));
      },
    );
    child.stdin?.on('error', () => {}); // It may end before it has read all; its exit status says why.
    child.stdin?.end(input);
  });
}

function runError(
  command: string,
  argv: readonly string[],
  lines: readonly string[],
  cause: unknown,
): TartanError {
  const { stderr = '' } = cause as { stderr?: string };
  const reason = stderr.trim().replaceAll(/\n+/g, '; ') || messageOf(cause);
  // Of a batch, iproute2 tells the number alone: "Command failed -:3".
  const number = /^Command failed -:(\d+)$/m.exec(stderr)?.[1];
  const what = lines[Number(number) - 1] ?? argv.join(' ');
  return new TartanError(
    'KERNEL',
    `${command} ${what}: ${reason}`,
    'See `dmesg` and `ip -details link`; the op will do once the reason is gone.',
    { cause },
  );
}

/**
 * What `ip -json …` prints; nothing printed is an empty list. The shape is iproute2's word: the
 * caller names the fields that it reads.
 */
export async function readJson<T>(...argv: string[]): Promise<T[]> {
  const { stdout } = await run('ip', ['-json', ...argv]);
  return stdout.trim() === '' ? [] : JSON.parse(stdout);
}

/** Carries out what nft(8) is told, in one transaction, or finds out only whether it could be. */
export async function runNft(ruleset: string, { isTrial = false } = {}): Promise<void> {
  await run('nft', [...(isTrial ? ['--check'] : []), '-f', '-'], ruleset);
}

/** Changes rules of iptables in one transaction, and leaves the others. */
export async function runRestore(by: 'nft' | 'legacy', rules: string): Promise<void> {
  await run(`iptables-${by}-restore`, ['--noflush', '--wait', '5'], rules);
}

/** What a command prints that has no JSON. */
export async function readText(command: string, ...argv: string[]): Promise<string> {
  return (await run(command, argv)).stdout;
}

/** Runs the commands (without `ip` in front) in one process; stops at the first that fails, unless it is to go on. */
export async function runBatch(
  command: 'ip' | 'bridge',
  lines: readonly string[],
  { goOn = false } = {},
): Promise<void> {
  if (lines.length === 0) return;
  if (lines.length === 1) {
    await run(command, lines[0]?.split(' ') ?? []);
    return;
  }
  await run(command, [...(goOn ? ['-force'] : []), '-batch', '-'], `${lines.join('\n')}\n`, lines);
}
