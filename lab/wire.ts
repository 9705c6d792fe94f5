import type { Namespace } from './namespace.ts';

/**
 * Makes a veth behave as a network card without tunnel offloads: what is sent is cut to the MTU before it leaves
 * (a plain veth hands 64 KB super-packets over whole), what is received is merged again by GRO.
 */
export async function behaveLikeWire(namespace: Namespace, device: string): Promise<void> {
  const { stdout } = await namespace.exec(['ethtool', '-k', device]);
  const offloads = [
    ...stdout.matchAll(
      /^\s*(tx-[\w-]*segmentation|tx-gso-[\w-]*|tx-scatter-gather-fraglist): on$/gm,
    ),
  ];
  await namespace.exec([
    ...['ethtool', '-K', device, 'gro', 'on'],
    ...offloads.flatMap(([, feature]) => [feature as string, 'off']),
  ]);
}
