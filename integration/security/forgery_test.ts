import { mostTelling } from '../../lab/patience.ts';
import { VXLAN, VXLAN_FAST } from '../carriers/vxlan.ts';
import { testForgeries } from './cases/forgery.ts';

for (const carrier of mostTelling([VXLAN_FAST, VXLAN])) testForgeries(carrier);
