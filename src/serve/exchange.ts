/** One request and its answer: bodies, headers, errors. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ErrorCode, TartanError } from '../errors.ts';
import type { Client } from './authorize.ts';

/** What a handler is given. */
export interface Call {
  readonly client: Client;
  readonly query: URLSearchParams;
  /** `If-Match` as a revision; `absent`: `If-None-Match: *`; null: neither. */
  readonly condition: number | 'absent' | null;
  /** The whole body. @throws TartanError with status 413 */
  body(): Promise<string>;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** JSON, or the config as it stands in the store. */
  readonly text: string;
  readonly revision?: number;
}

/** An error with a status of its own. */
export class HttpError extends TartanError {
  readonly status: number;

  constructor(status: number, code: ErrorCode, message: string, hint: string) {
    super(code, message, hint);
    this.status = status;
  }
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  USAGE: 400,
  CONFIG_INVALID: 400,
  PERMISSION: 403,
  CONFIG_MISSING: 404,
  LEASE_MISSING: 404,
  LEASE_TAKEN: 409,
  OUT_OF_SUBNETS: 409,
  BUSY: 429,
  STORE_UNAVAILABLE: 503,
};

/** Seconds after which to try again what was refused for now. */
const RETRY_SECONDS = '1';

/** What a client hears, whatever the server has met: where its store lies is nobody's business. */
export function storeAway(): TartanError {
  return new TartanError(
    'STORE_UNAVAILABLE',
    'the store of the server is away',
    'Try again later; the server tells what is wrong with it. What is known of the leases stays good.',
  );
}

/** The answer that an error is. What is a bug of ours, or wrong with the store, is told at the server alone. */
export function errorAnswer(error: unknown): Answer {
  if (!(error instanceof TartanError)) {
    return errorText(500, 'INTERNAL', 'the server has failed', 'Its log tells more.');
  }
  if (error.code === 'STORE_UNAVAILABLE') {
    const { code, message, hint } = storeAway();
    return errorText(503, code, message, hint);
  }
  const status = error instanceof HttpError ? error.status : (STATUS[error.code] ?? 500);
  return errorText(status, error.code, error.message, error.hint);
}

function errorText(status: number, code: ErrorCode, message: string, hint: string): Answer {
  return { status, text: JSON.stringify({ code, message, hint }) };
}

export function badRequest(message: string, hint: string): HttpError {
  return new HttpError(400, 'USAGE', message, hint);
}

/** Somebody else was first; whoever knows the revisions asks again. */
export function outdated(what: string): HttpError {
  return new HttpError(
    412,
    'LEASE_TAKEN',
    `${what} is not as the condition says: somebody else was first`,
    'Read it again, and decide anew.',
  );
}

/** @throws TartanError 400 */
export function readCondition({ headers }: IncomingMessage): Call['condition'] {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (noneMatch !== undefined && (noneMatch !== '*' || match !== undefined)) {
    throw badRequest(`If-None-Match is ${JSON.stringify(noneMatch)}`, 'Give *, or If-Match alone.');
  }
  if (noneMatch !== undefined) return 'absent';
  if (match === undefined) return null;
  const [, digits = ''] = /^"?(\d{1,15})"?$/.exec(match) ?? [];
  if (digits !== '') return Number(digits);
  throw badRequest(`If-Match is ${JSON.stringify(match)}`, 'Give a revision, such as "1234".');
}

/** So much more is read of a body that is too long, for the client to hear of it. */
const MOST_DRAINED = 2 ** 20;

/** @throws TartanError 413 for more than `limit` bytes, 400 for what is no UTF-8 */
export async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes <= limit) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > limit + MOST_DRAINED) break;
    }
  } catch {
    // The client is gone, or was too slow.
    throw badRequest('the body ended before it was whole', 'Send as much as Content-Length says.');
  }
  if (bytes > limit) {
    throw new HttpError(
      413,
      'USAGE',
      `a body of more than ${limit} bytes`,
      `Send at most ${limit} bytes.`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw badRequest('the body is no UTF-8', 'Send JSON in UTF-8.');
  }
}

/** @param last whether the connection ends with it */
export function send(response: ServerResponse, answer: Answer, last: boolean): void {
  if (response.headersSent || response.destroyed) return;
  const { status, text, revision } = answer;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    ...(revision !== undefined && { ETag: `"${revision}"` }),
    ...((status === 429 || status === 503) && { 'Retry-After': RETRY_SECONDS }),
    ...(last && { Connection: 'close' }),
  });
  response.end(text);
}
