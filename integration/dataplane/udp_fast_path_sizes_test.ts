import { UDP_FAST } from '../carriers/udp.ts';
import { labsFor } from './rows.ts';
import { testCarrier } from './suite.ts';

testCarrier(UDP_FAST, labsFor(UDP_FAST), 'sizes');
