import type { IWatchResponse } from 'etcd3/lib/rpc.js';
import type { EtcdClient, WatchStream } from './etcd_client.ts';
import type { KeyLayout } from './keys.ts';

/** How long etcd may take to say that the watch stands. */
const CREATE_LIMIT_MS = 5_000;

export interface WatchStreamOptions {
  readonly client: EtcdClient;
  readonly layout: KeyLayout;
  /** Revision after which to begin. */
  readonly from: number;
  readonly signal: AbortSignal;
}

/**
 * One watch stream on the leases, from its creation to its end: lost connection, compaction, a server that has gone
 * back in time, or the signal. It ends without an error, because whatever ended it, the cure is a list.
 */
export async function* openWatchStream(
  options: WatchStreamOptions,
): AsyncGenerator<IWatchResponse> {
  const { client, layout, from, signal } = options;
  let stream: WatchStream;
  try {
    stream = await client.openWatch();
  } catch {
    return;
  }
  const cancel = () => stream.cancel();
  // Cancelling makes the stream fail once more, after nobody iterates over it any longer.
  stream.on('error', () => undefined);
  signal.addEventListener('abort', cancel, { once: true });
  const createTimer = setTimeout(cancel, CREATE_LIMIT_MS);
  try {
    if (signal.aborted) return;
    stream.write({
      create_request: {
        key: Buffer.from(layout.subnets),
        range_end: Buffer.from(layout.subnetsEnd),
        start_revision: from + 1,
      },
    });
    for await (const response of stream) {
      clearTimeout(createTimer);
      // Compacted (`compact_revision` is set then), or not permitted.
      if (response.canceled) return;
      // Restored from a backup: it would keep silent until the old revisions came round again.
      if (response.created && Number(response.header.revision) < from) return;
      if (response.events.length > 0) yield response;
    }
  } catch {
    return;
  } finally {
    clearTimeout(createTimer);
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}
