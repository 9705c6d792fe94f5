/** host-gw: routes to the peers themselves. There is nothing around a packet, and nothing that says who sent it. */
import { judgeDirect } from '../bpf/oracle_receive.ts';
import { type Carrier, NO_PROGRAMS, type Programs } from './contract.ts';

const CONFIG = { Network: '10.5.0.0/16', Backend: { Type: 'host-gw' } } as const;

/** Of endpoints' packets there is no slow way: what is not for the programs is the host's. */
export const OF_ENDPOINTS: Programs = {
  see: 'endpoints',
  slow: {
    received: {},
    isServed: false,
    piece: {},
    dropped: {},
    unknown: null,
    truncated: null,
    congested: null,
  },
  marked: {},
  gso: () => ({ sender: {}, receiver: {} }),
  toProcess: {},
  judge: (world, frame) => judgeDirect(world, { ...frame, bytes: toNobody(frame.bytes) }),
  left: ['host_outside'],
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
  damages: [
    ['one route less', 'ip route delete $(ip route show proto 116 | head -n 1)'],
    ['no routes', 'ip route flush proto 116'],
  ],
  programs: null,
};

export const HOST_GW_FAST: Carrier = {
  ...HOST_GW,
  name: 'host-gw FastPath',
  config: { ...CONFIG, Backend: { ...CONFIG.Backend, FastPath: true } },
  mode: 'fastpath',
  damages: [['no programs', NO_PROGRAMS], ...HOST_GW.damages],
  programs: OF_ENDPOINTS,
};

/** With the MAC that the host's interface has in test runs, which is what the judge knows of it. */
function toNobody(frame: Buffer): Buffer {
  return Buffer.from(frame).fill(0, 0, 6);
}
