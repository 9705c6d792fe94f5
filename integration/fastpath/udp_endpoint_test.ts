import { UDP_FAST } from '../carriers/udp.ts';
import { testEndpoints } from './cases/endpoint.ts';

testEndpoints(UDP_FAST);
