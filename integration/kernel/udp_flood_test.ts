import { UDP, UDP_FAST } from '../carriers/udp.ts';
import { testReplacement } from './cases/flood.ts';

testReplacement(UDP, ['by TCX', 'from one to the other and back']);
testReplacement(UDP_FAST, ['by TCX']);
