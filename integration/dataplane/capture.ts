/** What tcpdump, which verifies every checksum, has to say of packets on a device. */
import type { Namespace } from '../../lab/namespace.ts';
import { waitFor } from '../../lab/ready.ts';

/** What comes in on the device while `action` runs, as `tcpdump -vv` prints it; of a flood, as much as it can take. */
export async function captureDuring(
  at: Namespace,
  { device, filter }: { device: string; filter: string },
  action: () => Promise<unknown>,
): Promise<string> {
  const argv = [
    'tcpdump',
    '-i',
    device,
    '-Q',
    'in',
    '-n',
    '--immediate-mode',
    '-vv',
    '-s',
    '0',
    '-B',
    '16384',
  ];
  await using running = at.start([...argv, ...filter.split(' ')]);
  await waitFor('tcpdump listens', () => running.stderr().includes('listening on'));
  await action();
  return (await running.stop('SIGINT')).stdout;
}

/** The lines in which tcpdump finds fault with a checksum or a length. */
export function faultsIn(capture: string): string[] {
  return capture.split('\n').filter((line) => /bad.*cksum|incorrect|wrong|bad.?len/.test(line));
}
