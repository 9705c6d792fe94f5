import { connect } from 'node:net';

interface Listener {
  readonly host: string;
  readonly port: number;
}

/**
 * The first of several that accepts a TCP connection, all asked at once: a dead machine among them costs no time.
 * @returns null if none does within the limit
 */
export async function firstListening<T extends Listener>(
  candidates: readonly T[],
  limitMs: number,
): Promise<T | null> {
  const stop = new AbortController();
  try {
    return await Promise.any(candidates.map((candidate) => probe(candidate, limitMs, stop.signal)));
  } catch {
    return null;
  } finally {
    stop.abort();
  }
}

function probe<T extends Listener>(candidate: T, limitMs: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const { host, port } = candidate;
    const socket = connect({ host, port, signal });
    const finish = (error: Error | null) => {
      clearTimeout(timer);
      socket.destroy();
      if (error === null) resolve(candidate);
      else reject(error);
    };
    const timer = setTimeout(() => finish(new Error(`${host}:${port} is silent`)), limitMs);
    socket.once('connect', () => finish(null));
    socket.on('error', finish);
  });
}
