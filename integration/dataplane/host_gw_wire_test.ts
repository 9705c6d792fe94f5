import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { testOnTheWire } from './cases/wire.ts';

testOnTheWire(HOST_GW_FAST);
