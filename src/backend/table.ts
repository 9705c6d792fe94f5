import { TartanError } from '../errors.ts';
import type { Backend } from './contract.ts';
import { hostGw } from './host_gw.ts';
import { udp } from './udp.ts';
import { vxlan } from './vxlan.ts';

/** Every backend that is built, by flannel's name for it. */
const backends: Readonly<Record<string, Backend>> = {
  vxlan,
  udp,
  'host-gw': hostGw,
};

/**
 * The backend for a config's `Backend.Type`.
 * @throws TartanError `CONFIG_INVALID` for one that flannel has and tartan does not build yet
 */
export function backendFor(type: string): Backend {
  const backend = Object.hasOwn(backends, type) ? backends[type] : undefined;
  if (backend) return backend;
  throw new TartanError(
    'CONFIG_INVALID',
    `the backend "${type}" is not built yet`,
    `Set Backend.Type to one of: ${Object.keys(backends).join(', ')}.`,
  );
}
