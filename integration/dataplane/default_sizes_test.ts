import { VXLAN } from '../carriers/vxlan.ts';
import { labsFor } from './rows.ts';
import { testCarrier } from './suite.ts';

testCarrier(VXLAN, labsFor(VXLAN), 'sizes');
