import { mostTelling } from '../../lab/patience.ts';
import { UDP, UDP_FAST } from '../carriers/udp.ts';
import { testOnTheWire } from './cases/wire.ts';

for (const carrier of mostTelling([UDP, UDP_FAST])) testOnTheWire(carrier);
