/** VNI, Port and MTU. */
import { mostTelling } from '../../lab/patience.ts';
import { flannelVxlan, type VxlanOptions, vxlanWith } from '../carriers/flannel_vxlan.ts';
import { testOptions } from './cases/options.ts';

const CASES: readonly VxlanOptions[] = [
  { VNI: 4242, Port: 65_535, MTU: 600 },
  { VNI: 9_999_999, Port: 4789 },
  { MTU: 1400 },
];

for (const options of mostTelling(CASES)) testOptions(vxlanWith(options), flannelVxlan(options));
