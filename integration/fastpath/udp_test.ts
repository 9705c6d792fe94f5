import { UDP_FAST } from '../carriers/udp.ts';
import { testCarriage } from './cases/carriage.ts';
import { testNat } from './cases/nat.ts';
import { testSwitch } from './cases/switch.ts';

testCarriage(UDP_FAST, ['a cable each, routed', 'pods on a bridge, flat']);
testNat(UDP_FAST, ['flat']);
testSwitch(UDP_FAST);
