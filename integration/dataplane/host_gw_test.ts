import { HOST_GW } from '../carriers/host_gw.ts';
import { labsFor } from './rows.ts';
import { testCarrier } from './suite.ts';

testCarrier(HOST_GW, labsFor(HOST_GW));
