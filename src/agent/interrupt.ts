import { TartanError } from '../errors.ts';
import type { Lease } from '../lease/lease.ts';
import type { LeaseStore } from '../store/contract.ts';

/** The error of a run that a signal ended. */
export function interrupted(): TartanError {
  return new TartanError(
    'INTERRUPTED',
    'interrupted before it was done',
    'Run it again: it goes on from what is there; or run `tartan teardown`.',
  );
}

/** @throws TartanError `INTERRUPTED` once the signal has aborted */
export function stopIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw interrupted();
}

/**
 * The same store, whose calls reject with `INTERRUPTED` as soon as the signal aborts instead of waiting for a server
 * that does not answer. A write may have happened all the same: the next run finds it by its owner.
 */
export function interruptible(store: LeaseStore, signal: AbortSignal): LeaseStore {
  const race = <T>(call: () => Promise<T>): Promise<T> => raceAbort(call, signal);
  const complete = store.complete?.bind(store);
  return {
    description: store.description,
    readConfig: () => race(() => store.readConfig()),
    writeConfig: (text, expected) => race(() => store.writeConfig(text, expected)),
    list: () => race(() => store.list()),
    get: (subnet) => race(() => store.get(subnet)),
    ...(complete && { complete: (lease: Lease) => race(() => complete(lease)) }),
    create: (...lease) => race(() => store.create(...lease)),
    renew: (...lease) => race(() => store.renew(...lease)),
    convert: (...lease) => race(() => store.convert(...lease)),
    remove: (lease) => race(() => store.remove(lease)),
    watch: (from, until) => store.watch(from, until),
    reconnect: () => store.reconnect?.(),
    close: () => store.close(),
  };
}

async function raceAbort<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  stopIfInterrupted(signal);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(interrupted());
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([call(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
