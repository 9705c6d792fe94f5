import { mostTelling } from '../../lab/patience.ts';
import { HOST_GW, HOST_GW_FAST } from '../carriers/host_gw.ts';
import { testHealing } from './cases/healing.ts';

for (const carrier of mostTelling([HOST_GW_FAST, HOST_GW])) testHealing(carrier, ['flat']);
