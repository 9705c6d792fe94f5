import { VXLAN_KERNEL } from '../carriers/vxlan.ts';
import { testCarrier } from './suite.ts';

testCarrier(VXLAN_KERNEL, [
  'flat',
  'routed',
  'routed, MTU 9000',
  'routed, a hop of 1400 between',
  'flat, wire',
]);
