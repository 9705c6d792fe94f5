import { VXLAN_FAST } from '../carriers/vxlan.ts';
import { testCarriage } from './cases/carriage.ts';

testCarriage(VXLAN_FAST, ['a cable each, routed', 'pods on a bridge, flat', 'a cable each, flat']);
