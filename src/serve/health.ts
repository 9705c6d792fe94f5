/** What a probe or Prometheus asks over HTTP, at `--healthz-port` as flanneld has it: nothing else, and nobody's login. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Verdict } from '../agent/health.ts';
import { messageOf, TartanError } from '../errors.ts';

export interface HealthServer {
  /** The port that it has, which the kernel chooses where 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/** A text that is more than one line, as it is. */
export interface Page {
  readonly contentType: string;
  readonly text: string;
}

/** What each path answers: a verdict at once, a page when it is made. */
export type Probes = Readonly<Record<`/${string}`, () => Verdict | Promise<Page>>>;

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

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  probes: Probes,
): Promise<void> {
  const { status, contentType, text } = await answerTo(request, probes).catch((error: unknown) =>
    line(500, messageOf(error)),
  );
  response.writeHead(status, { 'Content-Type': contentType, Connection: 'close' });
  response.end(request.method === 'HEAD' ? undefined : text);
}

interface Answer extends Page {
  readonly status: number;
}

async function answerTo({ method, url = '' }: IncomingMessage, probes: Probes): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return line(405, 'GET or HEAD');
  const path = url.split('?', 1)[0] as `/${string}`;
  const probe = Object.hasOwn(probes, path) ? probes[path] : undefined;
  if (probe === undefined) return line(404, Object.keys(probes).join(' '));
  const told = await probe();
  return 'good' in told ? line(told.good ? 200 : 503, told.text) : { status: 200, ...told };
}

function line(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', text: `${text}\n` };
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
