/** A server on the loopback, and clients that are not as they should be. */
import { mkdtempSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Policy } from '../../src/serve/authorize.ts';
import { LIMITS, type Limits } from '../../src/serve/limits.ts';
import { serveStore } from '../../src/serve/server.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openFileStore } from '../../src/store/file.ts';
import type { TlsFiles } from '../../src/store/tls_files.ts';

export const CONFIG = '{"Network":"10.0.0.0/8","SubnetLen":24,"Backend":{"Type":"vxlan"}}';

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** Of an error: its code. */
  readonly code: string | null;
}

export interface AskOptions {
  readonly method?: string;
  /** The client's own address on the loopback. */
  readonly from?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Options of TLS: then it is spoken. */
  readonly tls?: https.RequestOptions;
  readonly signal?: AbortSignal;
}

/** One request on a connection of its own. */
export async function ask(port: number, path: string, options: AskOptions = {}): Promise<Reply> {
  const { method = 'GET', from = '127.0.0.1', body, headers, tls, signal } = options;
  const { request } = tls === undefined ? http : https;
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request({
      ...{ host: '127.0.0.1', port, path, method, localAddress: from, agent: false },
      ...{ headers: { ...headers }, ...(signal && { signal }), ...tls },
    })
      .once('response', resolve)
      .once('error', reject)
      .end(body);
  });
  const text = (await buffer(response)).toString();
  const { statusCode: status = 0, headers: told } = response;
  return { status, headers: told, text, code: status < 400 ? null : JSON.parse(text).code };
}

export interface Serving extends AsyncDisposable {
  readonly port: number;
  /** What is behind the server. */
  readonly store: LeaseStore;
  readonly folder: string;
  ask(path: string, options?: AskOptions): Promise<Reply>;
  /** What it has logged. */
  readonly logged: readonly string[];
  close(): Promise<void>;
}

export interface ServingOptions {
  readonly policy?: Partial<Policy>;
  readonly limits?: Partial<Limits>;
  readonly tls?: TlsFiles;
}

/** A server in this process, in front of a file with a config. */
export async function serving(options: ServingOptions = {}): Promise<Serving> {
  const folder = mkdtempSync(join(tmpdir(), 'tartan-serve-'));
  const store = await openFileStore({ path: join(folder, 'net.db') });
  await store.writeConfig(CONFIG, null);
  const logged: string[] = [];
  const note = (message: string, fields?: object) =>
    logged.push(`${message} ${JSON.stringify(fields)}`);
  const server = await serveStore(
    {
      storeOf: async (network) => (network === '_' ? store : null),
      log: { error: note, warn: note, info: note, debug: note },
      now: Date.now,
      listener: { onUnavailable() {}, onReturn() {} },
    },
    {
      place: { kind: 'address', address: '127.0.0.1', port: 0 },
      policy: { by: 'address', admins: [], ...options.policy },
      limits: { ...LIMITS, ...options.limits },
      ...(options.tls && { tls: options.tls }),
    },
  );
  const { port } = server.address;
  return {
    ...{ port, store, folder, logged },
    ask: (path, asked) => ask(port, path, asked),
    close: () => server.close(),
    async [Symbol.asyncDispose]() {
      await server.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Wire extends Disposable {
  readonly socket: Socket;
  /** What the server has said until it has ended the connection. */
  readonly ended: Promise<string>;
  received(): string;
}

/** A bare connection. */
export function openWire(port: number, from = '127.0.0.1'): Wire {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  return { socket, ended, received: () => text, [Symbol.dispose]: () => socket.destroy() };
}

/** The body that a node sends. */
export function leaseBody(publicIp: string): string {
  return JSON.stringify({ Attrs: { PublicIP: publicIp, BackendType: 'host-gw' } });
}
