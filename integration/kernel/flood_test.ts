import { VXLAN } from '../carriers/vxlan.ts';
import { testReplacement } from './cases/flood.ts';

testReplacement(VXLAN, ['by TCX', 'by clsact', 'from one to the other and back']);
