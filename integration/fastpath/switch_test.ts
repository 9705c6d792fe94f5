import { VXLAN_FAST } from '../carriers/vxlan.ts';
import { testSwitch } from './cases/switch.ts';

testSwitch(VXLAN_FAST);
