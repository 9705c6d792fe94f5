import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { VXLAN_FAST } from '../carriers/vxlan.ts';
import { testReplacement } from './cases/flood.ts';

testReplacement(VXLAN_FAST, ['by TCX']);
testReplacement(HOST_GW_FAST, ['by TCX', 'from one to the other and back']);
