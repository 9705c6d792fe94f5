import { FLANNEL_UDP } from '../carriers/flannel_udp.ts';
import { UDP, UDP_FAST } from '../carriers/udp.ts';
import { testFlannelPeer } from './cases/flannel_peer.ts';

testFlannelPeer(UDP, FLANNEL_UDP, 'flat', true);
testFlannelPeer(UDP_FAST, FLANNEL_UDP, 'routed');
