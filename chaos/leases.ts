import type { Host } from '../lab/host.ts';
import { readPodNetwork } from '../lab/pod.ts';
import type { Loss } from './acts.ts';
import { askEtcd, type Stage } from './stage.ts';

/** The subnet in subnet.env; null: there is none. */
export function subnetOf(host: Host): string | null {
  try {
    return readPodNetwork(host).gateway.replace('.1/', '.0/');
  } catch {
    return null;
  }
}

let strangers = 0;

/** What etcd does when a lease's time is over, without waiting for that; and perhaps somebody else is there at once. */
export async function endLease(stage: Stage, subnet: string, loss: Loss): Promise<void> {
  const key = `/coreos.com/network/subnets/${subnet.replace('/', '-')}`;
  const shown = await askEtcd(stage, ['get', key, '--write-out=fields']);
  const grant = BigInt(/"Lease" : (\d+)/.exec(shown)?.[1] ?? '0');
  if (grant !== 0n) {
    // The host itself may have renewed it since.
    await stage.etcd.ctl(['lease', 'revoke', grant.toString(16)], { mayFail: true });
  }
  if (loss === 'expires') return;
  strangers += 1;
  const mac = `02:00:00:00:01:${strangers.toString(16).padStart(2, '0')}`;
  const publicIp = `192.168.77.${100 + strangers}`;
  const stranger = `{"PublicIP":"${publicIp}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${mac}"}}`;
  // Only where the subnet is free, as any node would.
  const taking = `version("${key}") = "0"\n\nput ${key} "${stranger.replaceAll('"', '\\"')}"\n\n\n`;
  const { stdout } = await stage.etcd.ctl(['txn'], { input: taking, mayFail: true });
  if (stdout.startsWith('SUCCESS')) stage.taken.set(subnet, publicIp);
}
