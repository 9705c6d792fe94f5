import { flannelUdp, udpOn } from '../carriers/flannel_udp.ts';
import { testOptions } from './cases/options.ts';

const PORT = 65_535;

testOptions(udpOn(PORT), flannelUdp(PORT));
