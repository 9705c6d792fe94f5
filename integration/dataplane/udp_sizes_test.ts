import { UDP } from '../carriers/udp.ts';
import { fewSizes } from './rows.ts';
import { testCarrier } from './suite.ts';

testCarrier(UDP, fewSizes(UDP), 'sizes');
