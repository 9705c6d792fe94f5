/** What never becomes a request. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorAnswer, HttpError } from './exchange.ts';

/** Answers what is no HTTP, too long or too slow, and ends the connection; what failed before HTTP is only ended. */
export function refuseGarbage(error: NodeJS.ErrnoException, socket: Duplex): void {
  const refused = refusalOf(error.code ?? '');
  if (refused === null || !socket.writable) {
    socket.destroy();
    return;
  }
  const { text } = errorAnswer(refused);
  const head = [
    `HTTP/1.1 ${refused.status} ${STATUS_CODES[refused.status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
}

function refusalOf(code: string): HttpError | null {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new HttpError(431, 'USAGE', 'the headers are too long', 'Send shorter ones.');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new HttpError(408, 'USAGE', 'the request took too long to come', 'Send it in one go.');
  }
  if (!code.startsWith('HPE_')) return null;
  return new HttpError(400, 'USAGE', 'what was sent is no HTTP/1.1', 'Send HTTP/1.1.');
}
