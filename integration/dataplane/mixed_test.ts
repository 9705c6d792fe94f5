import { flannelVxlan } from '../carriers/flannel_vxlan.ts';
import { VXLAN } from '../carriers/vxlan.ts';
import { testMixed } from './cases/mixed.ts';

testMixed(
  {
    carrier: VXLAN,
    flannel: flannelVxlan(),
    kinds: ['programs', 'programs', 'kernel', 'kernel'],
    otherwise: { dataplane: 'kernel', mode: 'kernel' },
  },
  ['flat', 'routed', 'flat, wire'],
);
