/** What the ways to carry packets without programs take of the kernel, before anything is changed for them. */
import type { Backend, Node } from '../backend/contract.ts';
import type { Kernel } from '../kernel/contract.ts';
import type { NetworkConfig } from '../lease/config.ts';
import type { Converger } from './converge.ts';

interface Found {
  readonly config: NetworkConfig;
  readonly backend: Backend;
  readonly node: Node;
}

/**
 * What carries the packets where the programs do not: the kernel, if it can; user mode where it cannot, and nobody asked
 * for kernel mode.
 * @throws TartanError why the kernel cannot: it lacks something (`MISSING`; for user mode too), or somebody has the port
 */
export async function requireKernelMode<T extends Found>(
  kernel: Kernel,
  converger: Converger,
  found: T,
): Promise<T> {
  const { backend, config, node } = found;
  if (node.dataplane.kind === 'user') {
    await requireTun(kernel, converger);
    return found;
  }
  if (node.dataplane.kind !== 'kernel' || backend.fouPort === undefined) return found;
  const wanted = backend.fouPort(config, node);
  const { fou = [] } = await converger.observe();
  if (fou.some(({ address, port }) => address === wanted.address && port === wanted.port)) {
    return found;
  }
  const obstacle = await kernel.probeFou(wanted);
  if (obstacle === null) return found;
  if (node.dataplane.reason === null || obstacle.code !== 'MISSING') throw obstacle;
  await requireTun(kernel, converger);
  const reason = `${node.dataplane.reason}; ${obstacle.message}`;
  return { ...found, node: { ...node, dataplane: { ...node.dataplane, kind: 'user', reason } } };
}

async function requireTun(kernel: Kernel, converger: Converger): Promise<void> {
  const { links } = await converger.observe();
  if (links.some(({ kind }) => kind === 'tun')) return;
  const obstacle = await kernel.probeTun();
  if (obstacle !== null) throw obstacle;
}
