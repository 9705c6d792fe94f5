/** The same two pods on the same kind of wire, connected in different ways. */

import { flannelByHand, native } from '../lab/baseline.ts';
import { createLab, joinAll, type Lab, NETWORK_CONFIG } from '../lab/lab.ts';
import type { LabOptions } from '../lab/options.ts';
import { attachPods } from '../lab/pod.ts';
import { waitFor } from '../lab/ready.ts';

export interface Setup {
  /** N, B, F or T: how the report calls it. */
  readonly letter: string;
  readonly name: string;
  readonly store?: LabOptions['store'];
  connect(lab: Lab): Promise<void>;
}

/** N, B and T; with the path of a flanneld, F beside them. */
export function setups(flanneld: string | null): Setup[] {
  const list: Setup[] = [
    { letter: 'N', name: 'plain routing', connect: native },
    { letter: 'B', name: "flannel's way, by hand", connect: flannelByHand },
    { letter: 'T', name: 'tartan', connect: (lab) => joinAll(lab) },
  ];
  if (flanneld === null) return list;
  return [
    ...list,
    { letter: 'F', name: 'flanneld', store: 'etcd', connect: (lab) => runFlanneld(lab, flanneld) },
  ];
}

export type Wire = 'veth' | 'wire';

/** A lab of two hosts on one cable, connected and left alone. */
export async function buildSetup(setup: Setup, wire: Wire): Promise<Lab> {
  const lab = await createLab({
    name: `bench${setup.letter.toLowerCase()}`,
    underlay: 'pair',
    wire: wire === 'wire',
    store: setup.store ?? 'file',
  });
  try {
    await setup.connect(lab);
  } catch (error) {
    await lab.destroy();
    throw error;
  }
  return lab;
}

async function runFlanneld(lab: Lab, flanneld: string): Promise<void> {
  const { etcd } = lab;
  if (etcd === null) throw new Error('flanneld needs a lab with etcd');
  await etcd.ctl(['put', '/coreos.com/network/config', JSON.stringify(NETWORK_CONFIG)]);
  for (const host of lab.hosts) {
    // By option alone: the host's FLANNELD_* variables are for tartan, and some flanneld does not know.
    const unset = Object.keys(host.env).filter((name) => name.startsWith('FLANNELD_'));
    host.start(
      [
        flanneld,
        ...['-etcd-endpoints', etcd.endpoint, '-iface', host.device],
        ...['-subnet-file', host.subnetFile],
      ],
      {
        env: Object.fromEntries(unset.map((name) => [name, undefined])),
        logFile: `${host.stateDir}.flanneld.log`,
      },
    );
  }
  await Promise.all(
    lab.hosts.map(async (host) => {
      await waitFor(`flanneld on ${host.name} has its peer's route`, async () => {
        const { stdout } = await host.exec(['ip', '-json', 'route', 'show', 'dev', 'flannel.1']);
        return (JSON.parse(stdout) as unknown[]).length > 0;
      });
      await attachPods(host);
    }),
  );
}
