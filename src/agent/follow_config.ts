import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { type NetworkConfig, parseConfig } from '../lease/config.ts';
import type { LeaseStore } from '../store/contract.ts';
import type { Log } from './log.ts';

export interface ConfigFollowing {
  readonly store: LeaseStore;
  readonly log: Log;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
  /** The config that is in force. */
  current(): NetworkConfig;
  /** Another one that can be taken up by a host that has joined. */
  adopt(config: NetworkConfig): void;
}

/**
 * Looks at the config in the store at each interval, beside everything else: a store that does not answer holds up
 * nothing. FastPath is taken up; what else has changed takes a new join, and is warned of once.
 */
export async function followConfig(following: ConfigFollowing): Promise<void> {
  const { store, log, intervalMs, signal } = following;
  /** null: there was none; undefined: not looked at yet. */
  let seen: string | null | undefined;
  while (!signal.aborted) {
    await pause(intervalMs, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    // Whoever follows the leases tells of a store that is away.
    const stored = await store.readConfig().catch(() => undefined);
    if (stored === undefined) continue;
    const text = stored?.text ?? null;
    const isNews = text !== seen;
    seen = text;
    const warn = (message: string) => isNews && log.warn(message);
    if (text === null) {
      warn(
        'the network config is gone from the store: this host keeps its lease, and nobody can take one; write it again with `tartan init-config`',
      );
      continue;
    }
    try {
      // Also what is no news: a lease that was just taken brought a config with it that was read before this one.
      consider(parseConfig(text), following, warn);
    } catch (error) {
      warn(`the network config has changed and is not taken up: ${messageOf(error)}`);
    }
  }
}

function consider(
  config: NetworkConfig,
  { current, adopt }: ConfigFollowing,
  warn: (message: string) => void,
): void {
  const before = current();
  if (JSON.stringify(config) === JSON.stringify(before)) return;
  if (JSON.stringify(withoutFastPath(config)) === JSON.stringify(withoutFastPath(before))) {
    adopt(config);
    return;
  }
  warn(
    'the network config has changed in more than FastPath: it is taken up by `tartan join`, which takes `tartan watch` to be stopped first',
  );
}

function withoutFastPath(config: NetworkConfig): NetworkConfig {
  const { backend } = config;
  return 'fastPath' in backend ? { ...config, backend: { ...backend, fastPath: false } } : config;
}
