/** Requests to one `tartan serve`, over connections that are kept. */
import * as http from 'node:http';
import * as https from 'node:https';
import { buffer } from 'node:stream/consumers';
import { TartanError } from '../errors.ts';
import { isLost, noAnswer } from './http_errors.ts';
import { type HttpStoreOptions, parseRemote } from './http_options.ts';
import { readTlsFiles } from './tls_files.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Whether the first try got no answer, so that this is that of a second one. */
  readonly isRepeated: boolean;
}

export interface HttpClient {
  /** For messages: `server 10.0.0.1:8889`. */
  readonly description: string;
  /**
   * Sends a request, and once more if the connection ends before it is answered.
   * @throws TartanError `STORE_UNAVAILABLE` if nobody answers in time, `STORE_FAILED` without a secure connection
   */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Makes all connections anew. */
  reconnect(): void;
  close(): void;
}

/** Of two tries together, so that a call ends within 10 s. */
const CALL_LIMIT_MS = 8_000;
/** 100,000 leases are 30 MB. */
const MOST_BYTES = 128 * 2 ** 20;

/**
 * Nothing is sent yet.
 * @throws TartanError `USAGE` for a remote that is none, `FILE` for certificates that cannot be read
 */
export function createHttpClient(options: HttpStoreOptions): HttpClient {
  const { host, port } = parseRemote(options.remote);
  const { rootCertificate, privateKey, certChain } = readTlsFiles('remote', options);
  const isSecure = rootCertificate !== null || certChain !== null;
  const description = `server ${options.remote}`;
  const { request: open, Agent } = isSecure ? https : http;
  const newAgent = () =>
    new Agent({
      keepAlive: true,
      ...(rootCertificate && { ca: rootCertificate }),
      ...(privateKey && certChain && { key: privateKey, cert: certChain }),
    });
  let agent = newAgent();

  async function send(request: HttpRequest, signal: AbortSignal) {
    const { method, path, headers, body } = request;
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      open({ host, port, method, path, headers: headersOf(body, headers), agent, signal })
        .once('response', resolve)
        .once('error', reject)
        .end(body);
    });
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await read(response),
    };
  }

  return {
    description,
    async request(request) {
      const { limitMs = CALL_LIMIT_MS, signal } = request;
      const late = AbortSignal.timeout(limitMs);
      const until = signal === undefined ? late : AbortSignal.any([late, signal]);
      const describe = (error: unknown): TartanError =>
        late.aborted && !signal?.aborted
          ? noAnswer(description, new Error(`no answer within ${limitMs / 1000} s`))
          : noAnswer(description, error);
      try {
        return { ...(await send(request, until)), isRepeated: false };
      } catch (error) {
        // A connection that was kept may have ended just now.
        if (until.aborted || !isLost(error)) throw describe(error);
      }
      return send(request, until).then(
        (answer) => ({ ...answer, isRepeated: true }),
        (error: unknown) => {
          throw describe(error);
        },
      );
    },
    reconnect() {
      agent.destroy();
      agent = newAgent();
    },
    close: () => agent.destroy(),
  };
}

function headersOf(
  body: string | undefined,
  more: HttpRequest['headers'],
): http.OutgoingHttpHeaders {
  if (body === undefined) return { ...more };
  const length = { 'Content-Length': Buffer.byteLength(body) };
  return { 'Content-Type': 'application/json; charset=utf-8', ...length, ...more };
}

async function read(response: http.IncomingMessage): Promise<string> {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_BYTES) return;
    const hint = 'Check that --remote names a `tartan serve`.';
    response.destroy(
      new TartanError('STORE_FAILED', `an answer of over ${MOST_BYTES} bytes`, hint),
    );
  });
  return (await buffer(response)).toString();
}
