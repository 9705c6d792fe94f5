import { FLANNEL_HOST_GW } from '../carriers/flannel_host_gw.ts';
import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { testMixed } from './cases/mixed.ts';

testMixed(
  {
    carrier: HOST_GW_FAST,
    flannel: FLANNEL_HOST_GW,
    kinds: ['endpoint', 'programs', 'kernel'],
    otherwise: { dataplane: 'kernel', mode: 'default' },
  },
  ['flat'],
);
