import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { labsFor } from './rows.ts';
import { testCarrier } from './suite.ts';

testCarrier(HOST_GW_FAST, labsFor(HOST_GW_FAST));
