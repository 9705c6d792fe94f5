import { mostTelling } from '../../lab/patience.ts';
import { VXLAN, VXLAN_FAST } from '../carriers/vxlan.ts';
import { testRandomPackets } from './cases/flood.ts';

for (const carrier of mostTelling([VXLAN, VXLAN_FAST])) testRandomPackets(carrier);
