import type { Host } from '../lab/host.ts';
import { waitFor } from '../lab/ready.ts';

/** Length of the largest frame that a host's underlay interface sent while `traffic` ran, Ethernet header included. */
export async function largestFrame(host: Host, traffic: () => Promise<void>): Promise<number> {
  // Outgoing: there, segmentation is done and the receiver's GRO has not begun.
  const capture = host.start([
    ...[
      'tcpdump',
      '-i',
      host.device,
      '-Q',
      'out',
      '-n',
      '-e',
      '-q',
      '-l',
      '-t',
      '-s',
      '96',
      '-c',
      '2000',
    ],
    ...['greater', '1000'],
  ]);
  try {
    await waitFor('tcpdump listens', () => capture.stderr().includes('listening on'));
    await traffic();
    await waitFor('tcpdump has seen 2000 frames', () => capture.stdout().split('\n').length > 2000);
  } finally {
    await capture.stop();
  }
  const lengths = [...capture.stdout().matchAll(/length (\d+):/g)].map(([, length]) =>
    Number(length),
  );
  return lengths.reduce((largest, length) => Math.max(largest, length), 0);
}
