import { VXLAN } from '../carriers/vxlan.ts';
import { testOnTheWire } from './cases/wire.ts';

testOnTheWire(VXLAN);
