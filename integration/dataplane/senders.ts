/** Traffic beyond ping: TCP with a checksum, numbered datagrams; and what comes in on a device. */
import { binaryOf, compileTool } from '../../lab/compile.ts';
import type { Namespace } from '../../lab/namespace.ts';
import { bulkMegabytes } from '../../lab/patience.ts';
import type { Running } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { runScript, startScript } from '../../lab/script.ts';

const SOURCES = `${import.meta.dirname}/tools`;
const TCP_ENDS = `${SOURCES}/tcp.ts`;

const TOOLS = ['udp_datagrams', 'frames'] as const;

/** Compiles the senders that are written in C, where that has not been done. */
export async function buildTools(): Promise<void> {
  for (const tool of TOOLS) await compileTool(SOURCES, tool);
}

export interface TcpReport {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Sends random bytes over one TCP connection, fewer where the lab is slow (`bulkMegabytes`); returns what left and what
 * arrived. `to` may be a proxy of `receiver`.
 */
export async function sendTcp(
  from: Namespace,
  receiver: Namespace,
  to: { readonly address: string; readonly port: number },
  megabytes: number,
  receiverPort: number = to.port,
): Promise<{ sent: TcpReport; received: TcpReport }> {
  await using receiving = startScript(receiver, [TCP_ENDS, 'receive', `${receiverPort}`]);
  await waitForListener(receiving);
  const { stdout } = await runScript(
    from,
    [TCP_ENDS, 'send', to.address, `${to.port}`, `${bulkMegabytes(megabytes)}`],
    { limitSeconds: 60 },
  );
  const result = await receiving.ended;
  return {
    sent: JSON.parse(stdout) as TcpReport,
    received: JSON.parse(result.stdout.replace('listening\n', '')) as TcpReport,
  };
}

/** A program in user space that accepts connections and joins each to one of its own. */
export async function startTcpProxy(
  at: Namespace,
  port: number,
  to: { readonly address: string; readonly port: number },
): Promise<Running> {
  const proxy = startScript(at, [TCP_ENDS, 'proxy', `${port}`, to.address, `${to.port}`]);
  await waitForListener(proxy);
  return proxy;
}

export interface Datagrams {
  readonly count: number;
  /** Of payload each. */
  readonly bytes: number;
  /** Datagrams to one UDP-GSO packet; default 1: no GSO. */
  readonly segments?: number;
}

/** Sends numbered datagrams; returns how many arrived, and how many of those were intact and new. */
export async function sendDatagrams(
  from: Namespace,
  to: Namespace & { readonly address: string },
  { count, bytes, segments = 1 }: Datagrams,
): Promise<{ received: number; intact: number }> {
  const port = 7000;
  await using receiving = to.start([
    binaryOf('udp_datagrams'),
    ...['receive', port, count, bytes].map(String),
  ]);
  await waitForListener(receiving);
  await from.exec([
    binaryOf('udp_datagrams'),
    ...['send', to.address, port, count, bytes, segments].map(String),
  ]);
  const { stdout } = await receiving.ended;
  return JSON.parse(stdout.replace('listening\n', '')) as { received: number; intact: number };
}

export interface Capture extends AsyncDisposable {
  /** Every IPv4 frame that has come in. */
  frames(): Buffer[];
}

/** Writes down what comes in on a device, from now on. */
export async function startCapture(at: Namespace, device: string): Promise<Capture> {
  const running = at.start([binaryOf('frames'), device]);
  await waitForListener(running);
  return {
    frames: () =>
      running
        .stdout()
        .split('\n')
        .slice(1, -1)
        .map((line) => Buffer.from(line, 'hex')),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

async function waitForListener(listener: Running): Promise<void> {
  await waitFor('the receiver listens', () => listener.stdout().startsWith('listening'));
}
