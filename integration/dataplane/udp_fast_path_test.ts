import { UDP_FAST } from '../carriers/udp.ts';
import { testCarrier } from './suite.ts';

testCarrier(UDP_FAST, ['flat'], 'everything');
