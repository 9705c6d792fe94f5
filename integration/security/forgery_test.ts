import { VXLAN, VXLAN_FAST } from '../carriers/vxlan.ts';
import { testForgeries } from './cases/forgery.ts';

testForgeries(VXLAN);
testForgeries(VXLAN_FAST);
