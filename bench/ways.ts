/** The ways in which two pods can be connected. */
import { flannelByHand, native } from '../lab/baseline.ts';
import { flannelUdp } from '../lab/flannel_udp.ts';
import { joinAll, type Lab, NETWORK_CONFIG } from '../lab/lab.ts';
import type { LabOptions } from '../lab/options.ts';
import { hostDevice } from '../lab/pod.ts';
import type { Environment } from '../lab/process.ts';
import { waitFor } from '../lab/ready.ts';
import { runFlanneld } from './flanneld.ts';

/**
 * In the order of the report. Of tartan: T as it comes, P with FastPath, K in kernel mode, alone or behind what is not
 * plain vxlan: U for udp, G for host-gw, D for vxlan with DirectRouting. U alone is flannel's udp.
 */
export const SETUP_LETTERS = [
  ...['N', 'B', 'F', 'T', 'P', 'K', 'C', 'X', 'DT', 'DP'],
  ...['U', 'UT', 'UP', 'UU', 'GT', 'GP'],
] as const;
export type SetupLetter = (typeof SETUP_LETTERS)[number];

/** Without MATRIX=full. */
export const USUAL_LETTERS: readonly SetupLetter[] = [
  ...(['N', 'B', 'T', 'P'] as const),
  ...(['U', 'UT', 'UP', 'UU', 'GP'] as const),
];

export interface Setup {
  readonly letter: SetupLetter;
  readonly name: string;
  readonly store?: LabOptions['store'];
  /** Where a router is between the hosts, it is left out. */
  readonly isFlat?: boolean;
  /** What the tartan of this checkout must have: words of its help. */
  readonly needs?: { readonly help: readonly string[]; readonly word: string };
  /** Where the host refuses it, it is left out. */
  readonly optional?: boolean;
  connect(lab: Lab, config?: NetworkConfig): Promise<unknown>;
}

/** A network config whose Backend a setup may add to. */
export interface NetworkConfig {
  readonly Network: string;
  readonly SubnetLen?: number;
  readonly Backend: { readonly Type: string; readonly DirectRouting?: boolean };
}

const DIRECT: NetworkConfig = {
  ...NETWORK_CONFIG,
  Backend: { ...NETWORK_CONFIG.Backend, DirectRouting: true },
};
const UDP: NetworkConfig = { ...NETWORK_CONFIG, Backend: { Type: 'udp' } };
const HOST_GW: NetworkConfig = { ...NETWORK_CONFIG, Backend: { Type: 'host-gw' } };

/** All setups by letter. */
export function setupsWith(flanneld: string | null): Record<SetupLetter, Setup> {
  const list: Setup[] = [
    { letter: 'N', name: 'plain routing', connect: native },
    { letter: 'B', name: "flannel's way, by hand", connect: flannelByHand },
    {
      letter: 'F',
      name: 'flanneld',
      store: 'etcd',
      connect: (lab) => runFlanneld(lab, flanneld ?? 'flanneld'),
    },
    { letter: 'T', name: 'tartan', connect: (lab, config) => joinAll(lab, config) },
    {
      letter: 'P',
      name: 'tartan, FastPath',
      needs: { help: ['--help'], word: 'endpoint' },
      connect: joinWithFastPath,
    },
    {
      letter: 'K',
      name: 'tartan, kernel mode',
      needs: { help: ['join', '--help'], word: '--dataplane' },
      connect: (lab, config) => joinIn('kernel', lab, config, { FLANNELD_DATAPLANE: 'kernel' }),
    },
    {
      letter: 'C',
      name: 'tartan, by clsact',
      needs: { help: ['join', '--help'], word: '--attach' },
      connect: (lab, config) => joinAll(lab, config, { FLANNELD_ATTACH: 'clsact' }),
    },
    {
      letter: 'X',
      name: 'tartan, with XDP',
      needs: { help: ['join', '--help'], word: '--attach' },
      optional: true,
      connect: (lab, config) =>
        joinAll(lab, config, { FLANNELD_ATTACH: 'xdp', FLANNELD_FORCE: 'true' }),
    },
    {
      letter: 'DT',
      name: 'tartan, DirectRouting',
      isFlat: true,
      connect: (lab) => joinAll(lab, DIRECT),
    },
    {
      letter: 'DP',
      name: 'tartan, DirectRouting, FastPath',
      isFlat: true,
      connect: (lab) => joinWithFastPath(lab, DIRECT),
    },
    { letter: 'U', name: "flannel's udp, a relay in C", connect: flannelUdp },
    { letter: 'UT', name: 'tartan, udp', connect: (lab) => joinAll(lab, UDP) },
    {
      letter: 'UP',
      name: 'tartan, udp, FastPath',
      connect: (lab) => joinWithFastPath(lab, UDP),
    },
    { letter: 'UU', name: 'tartan, udp, relay', connect: joinWithRelay },
    {
      letter: 'GT',
      name: 'tartan, host-gw',
      isFlat: true,
      connect: (lab) => joinAll(lab, HOST_GW),
    },
    {
      letter: 'GP',
      name: 'tartan, host-gw, FastPath',
      isFlat: true,
      connect: (lab) => joinWithFastPath(lab, HOST_GW),
    },
  ];
  return Object.fromEntries(list.map((setup) => [setup.letter, setup])) as Record<
    SetupLetter,
    Setup
  >;
}

async function joinWithFastPath(lab: Lab, config: NetworkConfig = NETWORK_CONFIG): Promise<void> {
  await joinAll(lab, { ...config, Backend: { ...config.Backend, FastPath: true } });
  for (const host of lab.hosts) {
    for (const [index, pod] of host.pods.entries())
      await host.tartan(['endpoint', 'add', hostDevice(index), pod.address]);
    await requireMode(lab, host.name, 'fastpath');
  }
}

/** A lab that is destroyed takes the relays along. */
async function joinWithRelay(lab: Lab): Promise<void> {
  await joinIn('user', lab, UDP, { FLANNELD_DATAPLANE: 'user' });
  for (const host of lab.hosts) {
    const relay = host.startTartan(['relay']);
    await waitFor(`the relay of host ${host.name} is ready`, () =>
      relay.stdout().includes('ready'),
    );
  }
}

async function joinIn(
  mode: string,
  lab: Lab,
  config: NetworkConfig | undefined,
  env: Environment,
): Promise<void> {
  await joinAll(lab, config, env);
  for (const { name } of lab.hosts) await requireMode(lab, name, mode, env);
}

/** A host that quietly took another mode would be measured under the wrong name. */
async function requireMode(
  lab: Lab,
  hostName: string,
  wanted: string,
  env: Environment = {},
): Promise<void> {
  const { stdout } = await lab.host(hostName).tartan(['join'], { env });
  const { mode } = JSON.parse(stdout) as { mode: string };
  if (mode !== wanted) throw new Error(`host ${hostName} joined in mode ${mode}, not ${wanted}`);
}
