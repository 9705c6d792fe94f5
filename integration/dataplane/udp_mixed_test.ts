import { FLANNEL_UDP } from '../carriers/flannel_udp.ts';
import { UDP_FAST } from '../carriers/udp.ts';
import { testMixed } from './cases/mixed.ts';

testMixed(
  {
    carrier: UDP_FAST,
    flannel: FLANNEL_UDP,
    kinds: ['endpoint', 'programs', 'user'],
    otherwise: { dataplane: 'user', mode: 'user' },
  },
  ['flat', 'flat, wire'],
);
