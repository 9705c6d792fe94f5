import { UDP_FAST } from '../carriers/udp.ts';
import { fewSizes } from './rows.ts';
import { testCarrier } from './suite.ts';

testCarrier(UDP_FAST, fewSizes(UDP_FAST), 'sizes');
