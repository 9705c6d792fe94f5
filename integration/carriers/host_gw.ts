/** host-gw: routes to the peers themselves. There is nothing around a packet, and nothing that says who sent it. */
import type { Carrier, Programs } from './contract.ts';

const CONFIG = { Network: '10.5.0.0/16', Backend: { Type: 'host-gw' } } as const;

/** Of endpoints' packets there is no slow way: what is not for the programs is the host's. */
const PROGRAMS: Programs = {
  see: 'endpoints',
  slow: {
    received: {},
    isServed: false,
    piece: {},
    lost: null,
    dropped: {},
    unknown: null,
    truncated: null,
    congested: null,
  },
  marked: {},
  gso: () => ({ sender: {}, receiver: {} }),
  toProcess: {},
  sentOn: [],
};

/** Nothing but routes. */
export const HOST_GW: Carrier = {
  name: 'host-gw',
  config: CONFIG,
  mode: 'default',
  isFlatOnly: true,
  device: null,
  overhead: 0,
  tunnel: null,
  programs: null,
};

export const HOST_GW_FAST: Carrier = {
  ...HOST_GW,
  name: 'host-gw FastPath',
  config: { ...CONFIG, Backend: { ...CONFIG.Backend, FastPath: true } },
  mode: 'fastpath',
  programs: PROGRAMS,
};
