import { mostTelling } from '../../lab/patience.ts';
import { UDP, UDP_FAST } from '../carriers/udp.ts';
import { testHealing } from './cases/healing.ts';

for (const carrier of mostTelling([UDP_FAST, UDP])) testHealing(carrier, ['flat']);
