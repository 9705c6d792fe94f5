import { createHerald, type WatchEvent } from './events.ts';
import type { Health } from './health.ts';
import { type JoinReport, join } from './join.ts';
import { waitOut } from './wait_out.ts';
import { watch } from './watch.ts';
import type { WatchSettings, WatchWorld } from './world.ts';

/** `watch`, and how it is. */
export interface RunWorld extends Omit<WatchWorld, 'store'> {
  readonly health: Health;
  /** @throws TartanError also `CONFIG_MISSING`: it may be made later */
  openStore(): Promise<WatchWorld['store']>;
}

/**
 * All in one process, as flanneld does it: waits for the store, its config and the underlay, joins, and keeps the host in
 * step until the signal aborts. The dataplane goes on afterwards.
 * @throws TartanError for what waiting does not help against
 */
export async function run(world: RunWorld, settings: WatchSettings): Promise<void> {
  const { health, signal, now } = world;
  const emit = (event: WatchEvent) => {
    health.note(event);
    world.emit(event);
  };
  const { tell } = createHerald(emit, now);
  const tellTrouble = (message: string) => tell('error', { message });
  try {
    const store = await waitOut(() => world.openStore(), signal, tellTrouble);
    const watchWorld: WatchWorld = { ...world, store, emit, looked: health.looked };
    const report = await waitOut(() => join(watchWorld, settings), signal, tellTrouble);
    const { subnet, publicIp } = report;
    tell('joined', { subnet, publicIp, message: describe(report) });
    // Once it has begun, what goes wrong is an event, and it goes on by itself.
    await waitOut(() => watch(watchWorld, settings), signal, tellTrouble);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function describe({ backend, mode, interface: underlay, mtu, peers }: JoinReport): string {
  return `${backend} in ${mode} mode over ${underlay}, MTU ${mtu}, ${peers} peers`;
}
