import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { testEndpoints } from './cases/endpoint.ts';

testEndpoints(HOST_GW_FAST);
