/**
 * Runs the real functions a step at a time. A promise that waits cannot be copied; but what such a function does is
 * decided by what it was told, so it is run from its start again with all that it has been told so far, until it asks
 * for more.
 */
import type { Clocks, Moment } from '../../src/agent/clocks.ts';
import { TartanError } from '../../src/errors.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import type { Answer, Call } from './store.ts';

/** What a piece of work has been told, in order. */
export type Told =
  | { readonly answer: Answer; readonly at: Moment }
  /** The store cannot be reached; or its answer was lost, which is the same to who waits for it. */
  | { readonly unavailable: true; readonly at: Moment }
  | { readonly picked: number; readonly at: Moment };

/** Where a piece of work stands. */
export type Standing<T> =
  | { readonly kind: 'asks'; readonly call: Call }
  /** Wants a random number below the limit. */
  | { readonly kind: 'picks'; readonly limit: number }
  | { readonly kind: 'done'; readonly result: T }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

/** What a piece of work may use. */
export interface Means {
  readonly store: LeaseStore;
  /** The node's, as they were when the last thing was told. */
  readonly clocks: Clocks;
  random(limit: number): number;
}

/**
 * Runs work with what it has been told.
 */
export async function replay<T>(
  work: (means: Means) => Promise<T>,
  told: readonly Told[],
  startedAt: Moment,
): Promise<Standing<T>> {
  const { promise: stands, resolve: stop } = Promise.withResolvers<Standing<T>>();
  let heard = 0;
  const moment = () => told[heard - 1]?.at ?? startedAt;
  const clocks = { now: () => moment().wall, elapsed: () => moment().steady };

  const ask = (call: Call): Promise<never> => {
    const next = told[heard];
    if (next === undefined) {
      stop({ kind: 'asks', call });
      return new Promise(() => {});
    }
    heard += 1;
    if ('answer' in next) return Promise.resolve(next.answer as never);
    return Promise.reject(
      new TartanError('STORE_UNAVAILABLE', 'the store cannot be reached', 'Try again.'),
    );
  };
  const random = (limit: number) => {
    const next = told[heard];
    if (next === undefined || !('picked' in next)) {
      stop({ kind: 'picks', limit });
      throw new Error('stands at a choice');
    }
    heard += 1;
    return next.picked;
  };

  work({ store: askingStore(ask), clocks, random }).then(
    (result) => stop({ kind: 'done', result }),
    (error: unknown) => {
      const code = error instanceof TartanError ? error.code : 'INTERNAL';
      stop({ kind: 'failed', code, message: String(error) });
    },
  );
  return stands;
}

/** A store that hands every call on. */
export function askingStore(ask: (call: Call) => Promise<never>): LeaseStore {
  return {
    description: 'the model',
    readConfig: (...args) => ask({ method: 'readConfig', args }),
    writeConfig: (...args) => ask({ method: 'writeConfig', args }),
    list: (...args) => ask({ method: 'list', args }),
    get: (...args) => ask({ method: 'get', args }),
    create: (...args) => ask({ method: 'create', args }),
    renew: (...args) => ask({ method: 'renew', args }),
    convert: (...args) => ask({ method: 'convert', args }),
    remove: (...args) => ask({ method: 'remove', args }),
    watch: () => {
      throw new Error('nobody watches here');
    },
    close: async () => {},
  };
}
