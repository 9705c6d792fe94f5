import { UDP } from '../carriers/udp.ts';
import { testCarrier } from './suite.ts';

testCarrier(UDP, ['flat'], 'everything');
