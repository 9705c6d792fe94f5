import { UDP_USER } from '../carriers/udp.ts';
import { testCarrier } from './suite.ts';

testCarrier(UDP_USER, ['flat', 'routed, a hop of 1400 between']);
