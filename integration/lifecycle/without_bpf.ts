/** Ways in which a host cannot have BPF programs, as the beginning of a command line. */
import { binaryOf, compileTool } from '../../lab/compile.ts';

const DENY_BPF = 'deny_bpf';

/** Compiles what denies bpf(2), where that has not been done. */
export const buildDenyBpf = () => compileTool(`${import.meta.dirname}/tools`, DENY_BPF);

/** A capability that includes CAP_BPF goes too. */
const capabilities = '-bpf,-sys_admin';

export const withoutBpf = {
  capability: `setpriv --bounding-set ${capabilities} --inh-caps ${capabilities} --`,
  permission: `${binaryOf(DENY_BPF)} 1`,
  call: `${binaryOf(DENY_BPF)} 38`,
} as const;
