import { TartanError } from '../errors.ts';
import type { Lease } from '../lease/lease.ts';
import type { LeaseStore } from '../store/contract.ts';
import type { Tally } from './tally.ts';

/** The same store; whether it answers is noted, call by call, and what its watch tells of that. */
export function heedStore(
  store: LeaseStore,
  tally: Pick<Tally, 'storeAnswered' | 'storeFailed'>,
): LeaseStore {
  const heed = async <T>(call: Promise<T>): Promise<T> => {
    try {
      const answer = await call;
      tally.storeAnswered();
      return answer;
    } catch (error) {
      tally.storeFailed(error);
      throw error;
    }
  };
  const complete = store.complete?.bind(store);
  return {
    description: store.description,
    readConfig: () => heed(store.readConfig()),
    writeConfig: (text, expected) => heed(store.writeConfig(text, expected)),
    list: () => heed(store.list()),
    get: (subnet) => heed(store.get(subnet)),
    ...(complete && { complete: (lease: Lease) => heed(complete(lease)) }),
    create: (...lease) => heed(store.create(...lease)),
    renew: (...lease) => heed(store.renew(...lease)),
    convert: (...lease) => heed(store.convert(...lease)),
    remove: (lease) => heed(store.remove(lease)),
    async *watch(from, signal) {
      for await (const update of store.watch(from, signal)) {
        if (update.type === 'unavailable') tally.storeFailed(away(update.message));
        else tally.storeAnswered();
        yield update;
      }
    },
    reconnect: () => store.reconnect?.(),
    close: () => store.close(),
  };
}

function away(message: string): TartanError {
  return new TartanError('STORE_UNAVAILABLE', message, '');
}
