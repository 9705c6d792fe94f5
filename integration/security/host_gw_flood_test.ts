import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { testRandomPackets } from './cases/flood.ts';

testRandomPackets(HOST_GW_FAST);
