import type { IKeyValue, IRequestOp } from 'etcd3/lib/rpc.js';
import type { EtcdCaller } from './etcd_client.ts';

export interface KeySwap {
  readonly key: string;
  /** The key's revision as it must stand; 0: absent. */
  readonly revision: number;
  /** What to do if it does. */
  readonly operation: IRequestOp;
  /** Whether what stands there is the work of an earlier try of this very swap, whose answer was lost. */
  readonly isOurs: (found: IKeyValue | null) => boolean;
}

/**
 * Changes a key if it still is at a revision, in one transaction.
 * @returns the revision of the change; null if somebody else was first
 */
export function swapKey(caller: EtcdCaller, swap: KeySwap): Promise<number | null> {
  const key = Buffer.from(swap.key);
  return caller.call(async ({ kv }, { deadline, isRepeated }) => {
    const answer = await kv.txn(
      {
        // An absent key has the revision 0.
        compare: [{ key, target: 'Mod', result: 'Equal', mod_revision: swap.revision }],
        success: [swap.operation],
        failure: [{ request_range: { key } }],
      },
      { deadline },
    );
    if (answer.succeeded) return Number(answer.header.revision);
    const found = answer.responses[0]?.response_range.kvs[0] ?? null;
    if (!isRepeated || !swap.isOurs(found)) return null;
    return Number(found?.mod_revision ?? answer.header.revision);
  });
}
