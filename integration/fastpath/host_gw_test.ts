import { PATIENCE } from '../../lab/patience.ts';
import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { testCarriage } from './cases/carriage.ts';
import { testNat } from './cases/nat.ts';
import { testSwitch } from './cases/switch.ts';

testCarriage(HOST_GW_FAST, ['pods on a bridge, flat', 'a cable each, flat']);
testNat(HOST_GW_FAST, ['flat']);
// Where all is slow, that of vxlan tells: programs come and go in the same way.
if (PATIENCE === 1) testSwitch(HOST_GW_FAST);
