/** `make demo`: three hosts on tartan, beside the same traffic without overlay and with the kernel's own vxlan. */

import { flannelByHand, native } from './baseline.ts';
import { spreadHosts } from './cpus.ts';
import { runMain } from './interrupt.ts';
import { createLab, joinAll, type Lab } from './lab.ts';
import { type Pod, readPodNetwork } from './pod.ts';
import { formatTable } from './table.ts';
import { formatRate, pingMatrix, tcpThroughput, waitForPing } from './traffic.ts';

const TCP = { seconds: 3, omitSeconds: 1 };

interface Rate {
  readonly name: string;
  readonly bitsPerSecond: number;
}

await runMain(async () => {
  const { screen, rate } = await showTartan();
  const rates: Rate[] = [
    await measureBaseline('without overlay', 'demonative', native),
    await measureBaseline("the kernel's own vxlan", 'demovxlan', flannelByHand),
    rate,
  ];
  const [first] = rates;
  const rows = rates.map(({ name, bitsPerSecond }) => [
    name,
    formatRate(bitsPerSecond),
    `${((100 * bitsPerSecond) / (first?.bitsPerSecond ?? Number.NaN)).toFixed(0)} %`,
  ]);
  console.log(
    `\n${screen}\n\n${formatTable([['one TCP stream', 'rate', 'of plain routing'], ...rows])}`,
  );
  console.log('\nEverything has been taken down again.');
});

async function showTartan(): Promise<{ screen: string; rate: Rate }> {
  step('three hosts on a private underlay');
  await using lab = await createLab({ name: 'demo', hosts: 3 });
  step('network config into the embedded store, then join on every host, and a pod on each');
  await joinAll(lab);
  const pods = firstPods(lab);
  const [from, to] = await reachable(pods);
  step('ping from every pod to every pod');
  const matrix = await pingMatrix(pods);
  step('TCP through tartan');
  await spreadHosts(lab.hosts);
  const rate = { name: 'tartan', bitsPerSecond: await tcpThroughput(from, to, TCP) };
  const screen = [hostTable(lab), matrixTable(pods, matrix)].join('\n\n');
  step('teardown on every host');
  for (const host of lab.hosts) await host.tartan(['teardown']);
  if (matrix.flat().includes(false))
    throw new Error(`not every pod reaches every pod:\n\n${screen}`);
  return { screen, rate };
}

async function measureBaseline(
  name: string,
  lab: string,
  build: (lab: Lab) => Promise<void>,
): Promise<Rate> {
  step(`TCP ${name === 'without overlay' ? name : `through ${name}`}`);
  await using baseline = await createLab({ name: lab, hosts: 3 });
  await build(baseline);
  const [from, to] = await reachable(firstPods(baseline));
  await spreadHosts(baseline.hosts);
  return { name, bitsPerSecond: await tcpThroughput(from, to, TCP) };
}

function firstPods(lab: Lab): Pod[] {
  return lab.hosts.flatMap((host) => host.pods.slice(0, 1));
}

async function reachable([from, to]: readonly Pod[]): Promise<[Pod, Pod]> {
  if (!from || !to) throw new Error('two pods are needed');
  await waitForPing(from, to.address);
  return [from, to];
}

function hostTable(lab: Lab): string {
  const rows = lab.hosts.map((host) => {
    const { gateway, mtu } = readPodNetwork(host);
    return [host.name, host.address, gateway.replace(/\.1\//, '.0/'), `${mtu}`];
  });
  return formatTable([['host', 'underlay', 'subnet', 'MTU'], ...rows]);
}

function matrixTable(pods: readonly Pod[], matrix: readonly (readonly boolean[])[]): string {
  const rows = pods.map((pod, row) => [
    `${pod.name} ${pod.address}`,
    ...pods.map((_, column) => (matrix[row]?.[column] ? 'yes' : 'NO')),
  ]);
  return formatTable([['ping', ...pods.map((pod) => pod.name)], ...rows]);
}

function step(text: string): void {
  console.log(`▸ ${text}`);
}
