import { UDP_KERNEL } from '../carriers/udp.ts';
import { testCarrier } from './suite.ts';

testCarrier(UDP_KERNEL, [
  'flat',
  'routed',
  'routed, MTU 9000',
  'routed, a hop of 1400 between',
  'flat, wire',
]);
