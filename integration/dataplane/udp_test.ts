import { UDP } from '../carriers/udp.ts';
import { labsFor } from './rows.ts';
import { testCarrier } from './suite.ts';

testCarrier(UDP, labsFor(UDP), 'everything');
