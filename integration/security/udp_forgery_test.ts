import { mostTelling } from '../../lab/patience.ts';
import { UDP, UDP_FAST } from '../carriers/udp.ts';
import { testForgeries } from './cases/forgery.ts';

for (const carrier of mostTelling([UDP_FAST, UDP])) testForgeries(carrier);
