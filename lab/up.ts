/** `make lab`: hosts that stay, joined, with a pod each. */

import { labFromEnvironment } from './environment.ts';
import { runMain } from './interrupt.ts';
import { createLab, joinAll } from './lab.ts';
import { fillOptions } from './options.ts';
import { readPodNetwork } from './pod.ts';
import { formatTable } from './table.ts';

await runMain(async () => {
  const options = fillOptions(labFromEnvironment(process.env));
  const { name, hosts, underlay, mtu, store } = options;
  console.log(`lab ${name}: ${hosts} hosts, underlay ${underlay}, MTU ${mtu}, store ${store}`);
  const lab = await createLab(options);
  try {
    console.log('joining');
    await joinAll(lab);
  } catch (error) {
    await lab.destroy();
    throw error;
  }
  lab.keep();

  const rows = lab.hosts.map((host) => [
    host.name,
    host.address,
    readPodNetwork(host).gateway,
    host.pods.map((pod) => `${pod.name} ${pod.address}`).join(', '),
  ]);
  console.log(`\n${formatTable([['host', 'underlay', 'subnet', 'pods'], ...rows])}\n`);
  const suffix = name === 'lab' ? '' : ` LAB=${name}`;
  console.log(
    `  make lab-shell HOST=a${suffix}        a shell in host a, where 'tartan join' just works`,
  );
  console.log(`  make lab-shell HOST=a-pod1${suffix}   a shell in its pod`);
  console.log(`  make lab-down${suffix}                take it all down`);
});
