/** What a probe asks over HTTP, as flanneld answers it at `--healthz-port`: nothing else, and nobody's login. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Verdict } from '../agent/health.ts';
import { messageOf, TartanError } from '../errors.ts';

export interface HealthServer {
  /** The port that it has, which the kernel chooses where 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/** What each path answers. */
export type Probes = Readonly<Record<`/${string}`, () => Verdict>>;

/** A probe is one short line each way. */
const LIMITS = { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 8192 } as const;
const MOST_CONNECTIONS = 64;

/**
 * Answers `GET` and `HEAD`: 200 for what is good, else 503, with one line of text.
 * @throws TartanError `BUSY` if another process has the port, `USAGE` if the address is not this host's
 */
export async function serveHealth(
  { address, port }: { readonly address: string; readonly port: number },
  probes: Probes,
): Promise<HealthServer> {
  const server = createServer({ ...LIMITS, keepAlive: false }, (request, response) =>
    answer(request, response, probes),
  );
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(cannotListen(address, port, error)),
    );
    server.listen({ host: address, port, exclusive: true }, resolve);
  });
  // A connection that breaks is the prober's affair.
  server.on('error', () => {});
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse, probes: Probes): void {
  const { status, text } = answerTo(request, probes);
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' };
  response.writeHead(status, headers);
  response.end(request.method === 'HEAD' ? undefined : `${text}\n`);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function answerTo({ method, url = '' }: IncomingMessage, probes: Probes): Answer {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, text: 'GET or HEAD' };
  const path = url.split('?', 1)[0] as `/${string}`;
  const probe = Object.hasOwn(probes, path) ? probes[path] : undefined;
  if (probe === undefined) return { status: 404, text: Object.keys(probes).join(' ') };
  const { good, text } = probe();
  return { status: good ? 200 : 503, text };
}

function cannotListen(address: string, port: number, error: NodeJS.ErrnoException): TartanError {
  const where = `${address}:${port}`;
  if (error.code === 'EADDRINUSE') {
    const hint = 'Give another --healthz-port, or end that process.';
    return new TartanError('BUSY', `another process listens at ${where}`, hint, { cause: error });
  }
  return new TartanError(
    'USAGE',
    `cannot listen at ${where}: ${messageOf(error)}`,
    'Give an address of this host as --healthz-ip and a free port as --healthz-port.',
    { cause: error },
  );
}
