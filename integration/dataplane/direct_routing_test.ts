import {
  VXLAN_DIRECT,
  VXLAN_DIRECT_FAST,
  VXLAN_ROUTED,
  VXLAN_ROUTED_FAST,
} from '../carriers/vxlan_direct.ts';
import { testCarrier } from './suite.ts';

testCarrier(VXLAN_DIRECT, ['flat']);
testCarrier(VXLAN_DIRECT_FAST, ['flat']);
testCarrier(VXLAN_ROUTED, ['routed, a hop of 1400 between']);
testCarrier(VXLAN_ROUTED_FAST, ['routed, a hop of 1400 between']);
