import { mostTelling } from '../../lab/patience.ts';
import { UDP, UDP_FAST } from '../carriers/udp.ts';
import { testRandomPackets } from './cases/flood.ts';

for (const carrier of mostTelling([UDP, UDP_FAST])) testRandomPackets(carrier);
