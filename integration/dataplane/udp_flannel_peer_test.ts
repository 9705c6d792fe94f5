import { FLANNEL_UDP } from '../carriers/flannel_udp.ts';
import { UDP, UDP_FAST, UDP_KERNEL } from '../carriers/udp.ts';
import { testFlannelPeer } from './cases/flannel_peer.ts';

testFlannelPeer(UDP, FLANNEL_UDP, 'flat', true);
testFlannelPeer(UDP_FAST, FLANNEL_UDP, 'routed');
testFlannelPeer(UDP_KERNEL, FLANNEL_UDP, 'flat', true);
