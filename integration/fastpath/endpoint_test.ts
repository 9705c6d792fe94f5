import { VXLAN_FAST } from '../carriers/vxlan.ts';
import { testEndpoints } from './cases/endpoint.ts';

testEndpoints(VXLAN_FAST);
