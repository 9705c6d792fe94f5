import { UDP, UDP_FAST } from '../carriers/udp.ts';
import { testForgeries } from './cases/forgery.ts';

testForgeries(UDP);
testForgeries(UDP_FAST);
