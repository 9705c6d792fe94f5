import { VXLAN_FAST } from '../carriers/vxlan.ts';
import { testNat } from './cases/nat.ts';

testNat(VXLAN_FAST, ['flat', 'routed']);
