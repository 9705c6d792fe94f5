import { FLANNEL_HOST_GW } from '../carriers/flannel_host_gw.ts';
import { HOST_GW, HOST_GW_FAST } from '../carriers/host_gw.ts';
import { testFlannelPeer } from './cases/flannel_peer.ts';

testFlannelPeer(HOST_GW, FLANNEL_HOST_GW, 'flat', true);
testFlannelPeer(HOST_GW_FAST, FLANNEL_HOST_GW, 'flat');
