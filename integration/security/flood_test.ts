import { VXLAN, VXLAN_FAST } from '../carriers/vxlan.ts';
import { testRandomPackets } from './cases/flood.ts';

testRandomPackets(VXLAN);
testRandomPackets(VXLAN_FAST);
