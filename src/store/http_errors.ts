/** What can go wrong between a client and `tartan serve`, as errors for people. */
import { type ErrorCode, messageOf, TartanError } from '../errors.ts';
import { fieldsOf } from '../lease/json_fields.ts';

/** Codes of a server that mean the same here; any other is a failure of the store. */
const TAKEN_OVER: ReadonlySet<string> = new Set<ErrorCode>([
  'CONFIG_INVALID',
  'CONFIG_MISSING',
  'STORE_UNAVAILABLE',
  'STORE_FAILED',
  'OUT_OF_SUBNETS',
  'LEASE_TAKEN',
  'LEASE_MISSING',
  'PERMISSION',
  'BUSY',
]);

/** Node's and OpenSSL's names of what is wrong with a certificate or a handshake. */
const TLS_CODE =
  /^(CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_|INVALID_CA|EPROTO)/;

/** The server closed the connection, or a new one could not be made: nothing tells whether it has read the request. */
const LOST = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException)?.code ?? '');

/** Whether the request may have been carried out although there was no answer. */
export function isLost(error: unknown): boolean {
  return LOST.has(codeOf(error));
}

/** No answer at all, by the error that Node has for it. */
export function noAnswer(description: string, cause: unknown): TartanError {
  if (cause instanceof TartanError) return cause;
  const code = codeOf(cause);
  const reason = messageOf(cause);
  if (/wrong version number|packet length too long/.test(reason)) {
    return insecure(description, 'the server does not speak TLS', cause);
  }
  if (code.startsWith('HPE_')) {
    return insecure(description, `what answers is not HTTP, perhaps TLS (${reason})`, cause);
  }
  if (/ALERT/.test(code)) {
    return insecure(description, `the server refuses this client's certificate: ${reason}`, cause);
  }
  if (TLS_CODE.test(code)) return insecure(description, reason, cause);
  return new TartanError(
    'STORE_UNAVAILABLE',
    `${description} cannot be reached: ${reason}`,
    code === 'ECONNRESET'
      ? 'If the server speaks HTTPS, give --remote-cafile; else try again: `tartan serve` has closed the connection.'
      : 'Check that `tartan serve` runs there and that --remote names it, and try again.',
    { cause },
  );
}

function insecure(description: string, reason: string, cause: unknown): TartanError {
  return new TartanError(
    'STORE_FAILED',
    `${description}: no secure connection: ${reason}`,
    'Check --remote-cafile, --remote-certfile and --remote-keyfile, and the same files of the server.',
    { cause },
  );
}

/** An answer that says no. */
export function refusal(description: string, status: number, body: string): TartanError {
  const { code, message, hint } = readError(body);
  if (message === null) {
    return new TartanError(
      isPassing(status) ? 'STORE_UNAVAILABLE' : 'STORE_FAILED',
      `${description} answers ${status}, and not as \`tartan serve\` does`,
      'Check that --remote names a `tartan serve`, and no other program.',
    );
  }
  const known = code !== null && TAKEN_OVER.has(code) ? (code as ErrorCode) : null;
  return new TartanError(
    known ?? (isPassing(status) ? 'STORE_UNAVAILABLE' : 'STORE_FAILED'),
    `${description}: ${message}`,
    hint ?? 'The log of `tartan serve` may tell more.',
  );
}

const isPassing = (status: number): boolean => status === 429 || status === 503;

interface ErrorBody {
  readonly code: string | null;
  readonly message: string | null;
  readonly hint: string | null;
}

function readError(body: string): ErrorBody {
  const fields = fieldsOf(parse(body));
  const [code = null, message = null, hint = null] = ['code', 'message', 'hint'].map((name) => {
    const value = fields?.get(name);
    return typeof value === 'string' && value !== '' ? printable(value) : null;
  });
  return { code, message, hint };
}

/** It ends up on a terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 1000);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
