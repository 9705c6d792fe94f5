import { flannelVxlan } from '../carriers/flannel_vxlan.ts';
import { VXLAN, VXLAN_FAST } from '../carriers/vxlan.ts';
import { testFlannelPeer } from './cases/flannel_peer.ts';

testFlannelPeer(VXLAN, flannelVxlan(), 'flat', true);
testFlannelPeer(VXLAN, flannelVxlan(), 'routed');
testFlannelPeer(VXLAN_FAST, flannelVxlan(), 'flat');
testFlannelPeer(VXLAN_FAST, flannelVxlan(), 'routed');
