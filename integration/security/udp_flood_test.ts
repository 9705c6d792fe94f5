import { UDP, UDP_FAST } from '../carriers/udp.ts';
import { testRandomPackets } from './cases/flood.ts';

testRandomPackets(UDP);
testRandomPackets(UDP_FAST);
