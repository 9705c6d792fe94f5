/** A member of a network as `run` has it: it counts what it does, and tells how it is. */
import type { WatchEvent } from '../src/agent/events.ts';
import type { Health } from '../src/agent/health.ts';
import { heedStore } from '../src/agent/heed_store.ts';
import { run } from '../src/agent/run.ts';
import { countOps, type Tally } from '../src/agent/tally.ts';
import type { WatchSettings } from '../src/agent/world.ts';
import type { Context } from './process.ts';
import { openHost, openMonitor, openStore } from './wire.ts';

export interface Observers {
  readonly health: Health;
  readonly tally: Tally;
  /** Is told that they may say something else now. */
  changed(): void;
}

/** Until the context's signal aborts. */
export async function runMember(
  context: Context,
  settings: WatchSettings,
  { health, tally, changed }: Observers,
): Promise<void> {
  const host = await openHost(context);
  const watchHost = await openMonitor(context);
  await run(
    {
      ...host,
      kernel: countOps(host.kernel, tally),
      watchHost,
      health: {
        ...health,
        looked(failure) {
          health.looked(failure);
          tally.looked(failure);
          changed();
        },
      },
      emit(event: WatchEvent) {
        context.emit(event);
        tally.note(event);
        changed();
      },
      openStore: async () => heedStore(await openStore(context), tally),
      attend: tally.attend,
    },
    settings,
  );
}
