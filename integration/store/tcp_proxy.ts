import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** `pass` forwards · `refuse` closes each connection at once · `silent` takes bytes and gives none. */
export type ProxyMode = 'pass' | 'refuse' | 'silent';

/** A TCP proxy between a store and its etcd, to break connections at will. */
export interface TcpProxy extends AsyncDisposable {
  readonly url: string;
  /** How many connections it was asked for so far. */
  readonly connections: number;
  /** What becomes of new connections. */
  mode: ProxyMode;
  /** Breaks all connections that stand. */
  cut(): void;
  /** Breaks all connections instead of forwarding the n-th chunk from now that the server sends. */
  cutAtAnswer(chunk: number): void;
}

export async function startProxy(serverPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const state = { connections: 0, mode: 'pass' as ProxyMode, chunksToCut: 0 };

  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
    sockets.clear();
  };
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };

  const listener = createServer((client) => {
    state.connections += 1;
    keep(client);
    if (state.mode === 'refuse') return void client.resetAndDestroy();
    if (state.mode === 'silent') return void client.resume();
    const server = connect({ host: '127.0.0.1', port: serverPort, noDelay: true });
    keep(server);
    client.setNoDelay(true);
    client.pipe(server);
    server.on('data', (chunk) => {
      if (state.chunksToCut > 0 && --state.chunksToCut === 0) return cut();
      client.write(chunk);
    });
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };

  return {
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return state.connections;
    },
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    cut,
    cutAtAnswer(chunk) {
      state.chunksToCut = chunk;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(listener, 'close');
      listener.close();
      cut();
      await closed;
    },
  };
}
