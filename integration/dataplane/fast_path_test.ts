import { VXLAN_FAST } from '../carriers/vxlan.ts';
import { labsFor } from './rows.ts';
import { testCarrier } from './suite.ts';

testCarrier(VXLAN_FAST, labsFor(VXLAN_FAST), 'everything');
