import { PATIENCE } from '../../lab/patience.ts';
import { UDP_FAST } from '../carriers/udp.ts';
import { testCarriage } from './cases/carriage.ts';
import { testNat } from './cases/nat.ts';
import { testSwitch } from './cases/switch.ts';

testCarriage(UDP_FAST, ['a cable each, routed', 'pods on a bridge, flat']);
testNat(UDP_FAST, ['flat']);
// Where all is slow, that of vxlan tells: programs come and go in the same way.
if (PATIENCE === 1) testSwitch(UDP_FAST);
