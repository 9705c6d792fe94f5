import { mostTelling } from '../../lab/patience.ts';
import {
  VXLAN_DIRECT,
  VXLAN_DIRECT_FAST,
  VXLAN_ROUTED,
  VXLAN_ROUTED_FAST,
} from '../carriers/vxlan_direct.ts';
import { testCarrier } from './suite.ts';

for (const carrier of mostTelling([VXLAN_DIRECT_FAST, VXLAN_DIRECT]))
  testCarrier(carrier, ['flat']);
for (const carrier of mostTelling([VXLAN_ROUTED, VXLAN_ROUTED_FAST]))
  testCarrier(carrier, ['routed, a hop of 1400 between']);
