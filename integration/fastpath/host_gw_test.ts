import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { testCarriage } from './cases/carriage.ts';
import { testNat } from './cases/nat.ts';
import { testSwitch } from './cases/switch.ts';

testCarriage(HOST_GW_FAST, ['pods on a bridge, flat', 'a cable each, flat']);
testNat(HOST_GW_FAST, ['flat']);
testSwitch(HOST_GW_FAST);
