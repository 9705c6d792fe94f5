/** iperf3 as a child of this process: it has measured TCP for longer than we have. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { messageOf, TartanError } from '../errors.ts';
import { interrupted } from './errors.ts';

/** Seconds at the start that do not count: slow start. iperf3 takes whole seconds, and drops what is behind the point. */
const OMIT_SECONDS = 1;

/** What connecting, and exchanging results, may take besides. */
const SETUP_SECONDS = 10;

/** A serving iperf3 to which nobody connects ends by itself, whatever becomes of this process. */
const IDLE_SECONDS = 5;

const WRITE_SIZE = '1M';

export interface TcpRun {
  readonly port: number;
  readonly bind: string | null;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Child {
  readonly stdout: () => string;
  readonly ended: Promise<Ended>;
}

/** Starts iperf3, and ends it when `signal` aborts or the limit has passed. */
function startIperf(args: readonly string[], signal: AbortSignal, limitSeconds: number): Child {
  const child: ChildProcess = spawn('iperf3', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (said.stdout += part));
  child.stderr?.setEncoding('utf8').on('data', (part: string) => (said.stderr += part));
  const kill = () => void child.kill('SIGKILL');
  const timer = setTimeout(kill, limitSeconds * 1000);
  signal.addEventListener('abort', kill);
  if (signal.aborted) kill();
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', (error) => reject(cannotStart(error)));
    child.once('close', (code) => resolve({ code, ...said }));
  }).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
  });
  ended.catch(() => {});
  return { stdout: () => said.stdout, ended };
}

function cannotStart(error: NodeJS.ErrnoException): TartanError {
  return new TartanError(
    'MISSING',
    error.code === 'ENOENT'
      ? 'iperf3 is not installed'
      : `iperf3 cannot be started: ${messageOf(error)}`,
    'Install it on both ends: `apt-get install iperf3`.',
    { cause: error },
  );
}

/**
 * Starts the receiving iperf3 for one test; `ready` when it listens.
 * @throws TartanError `MISSING`, `BUSY`
 */
export async function serveTcp(
  { port, bind }: TcpRun,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<{ ended: Promise<unknown> }> {
  const args = ['-s', '-1', '-p', `${port}`, '--forceflush', '--idle-timeout', `${IDLE_SECONDS}`];
  const limitSeconds = seconds + 2 * SETUP_SECONDS;
  const child = startIperf([...args, ...bindArgs(bind)], signal, limitSeconds);
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (child.stdout().includes('listening')) resolve();
  }, 5);
  try {
    const early = await Promise.race([listening, child.ended]);
    if (!early) return { ended: child.ended };
    if (signal.aborted) throw interrupted();
    throw failed(early, port);
  } finally {
    clearInterval(timer);
  }
}

export interface TcpResult {
  readonly bitsPerSecond: number;
  /** The sender's congestion control. */
  readonly congestion: string;
  /** All that was carried, with what was omitted at the start, as good as it is known. */
  readonly gigabytes: number;
}

/**
 * One run against a `serveTcp`: cubic where both ends may, writes of 1 MB, the first second left out.
 * @throws TartanError `MISSING`, `PEER_FAILED`, `INTERRUPTED`
 */
export async function measureTcp(
  { address, port, bind }: TcpRun & { readonly address: string },
  settings: {
    seconds: number;
    streams: number;
    reverse: boolean;
    cubic: boolean;
    signal: AbortSignal;
  },
): Promise<TcpResult> {
  const { seconds, streams, reverse, cubic, signal } = settings;
  const args = [
    ...['-c', address, '-p', `${port}`, '-t', `${seconds}`, '-O', `${OMIT_SECONDS}`],
    ...['-P', `${streams}`, '-l', WRITE_SIZE, '-J', '--connect-timeout', '3000'],
    ...(cubic ? ['-C', 'cubic'] : []),
    ...(reverse ? ['-R'] : []),
    ...bindArgs(bind),
  ];
  const limitSeconds = seconds + SETUP_SECONDS;
  const ended = await startIperf(args, signal, limitSeconds).ended;
  if (signal.aborted) throw interrupted();
  const { end } = parseReport(ended.stdout);
  const bitsPerSecond = end?.sum_received?.bits_per_second;
  if (bitsPerSecond === undefined || ended.code !== 0) throw failed(ended, port);
  const congestion = end?.sender_tcp_congestion ?? 'unknown';
  return { bitsPerSecond, congestion, gigabytes: (bitsPerSecond * (seconds + OMIT_SECONDS)) / 8e9 };
}

/** Whether this process may choose cubic (tcp(7), TCP_CONGESTION). */
export function mayUseCubic(): boolean {
  if (statSync('/proc/self').uid === 0) return true;
  const allowed = readFileSync('/proc/sys/net/ipv4/tcp_allowed_congestion_control', 'utf8');
  return allowed.split(/\s+/).includes('cubic');
}

function bindArgs(bind: string | null): string[] {
  return bind === null ? [] : ['-B', bind];
}

interface Report {
  readonly error?: string;
  readonly end?: {
    readonly sum_received?: { readonly bits_per_second?: number };
    readonly sender_tcp_congestion?: string;
  };
}

function parseReport(text: string): Report {
  try {
    return JSON.parse(text) as Report;
  } catch {
    return {};
  }
}

function failed({ code, stdout, stderr }: Ended, port: number): TartanError {
  const said = (parseReport(stdout).error ?? stderr.trim()) || stdout.trim();
  if (/address already in use/i.test(said)) return portTaken(port, 'TCP');
  const reason = said === '' ? `ended ${code === null ? 'by a signal' : `with ${code}`}` : said;
  return new TartanError(
    'PEER_FAILED',
    `iperf3 over port ${port} failed: ${reason}`,
    `Let TCP ${port} through the firewalls of both ends; iperf3 by hand may tell more.`,
  );
}

export function portTaken(port: number, protocol: 'TCP' | 'UDP'): TartanError {
  return new TartanError(
    'BUSY',
    `${protocol} port ${port} is in use already`,
    'End what uses it (`ss -ltunp`), or give another --port at both ends.',
  );
}
