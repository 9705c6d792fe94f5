import type { Lab } from '../lab/lab.ts';
import { NETWORK_CONFIG } from '../lab/lab.ts';
import { attachPods } from '../lab/pod.ts';
import { waitFor } from '../lab/ready.ts';

/** A real flanneld on every host, and the pods by its subnet.env. */
export async function runFlanneld(lab: Lab, flanneld: string): Promise<void> {
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
