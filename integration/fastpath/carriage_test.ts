import { VXLAN_FAST } from '../carriers/vxlan.ts';
import { testCarriage } from './cases/carriage.ts';

testCarriage(VXLAN_FAST, ['a cable each, flat', 'a cable each, routed', 'pods on a bridge, flat']);
