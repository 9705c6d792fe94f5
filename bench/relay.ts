/**
 * `tartan relay` beside flannel's kind of relay (udp_relay.c), both at both ends: TCP between pods, in turn. Prints a
 * line a run, and the medians.
 *
 *   REPEATS=5 SECONDS_PER_RUN=2 scripts/node bench/relay.ts      as root
 */
import { gatewayOf, subnetOf } from '../lab/baseline.ts';
import { spreadHosts } from '../lab/cpus.ts';
import { FLANNEL_UDP_OVERHEAD, flannelUdp } from '../lab/flannel_udp.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { attachPods, type Pod } from '../lab/pod.ts';
import { formatRate, tcpThroughput } from '../lab/traffic.ts';
import { addUserDevice, startUserRelay } from '../lab/user_relay.ts';
import { median } from '../src/bench/statistics.ts';

const repeats = Number(process.env.REPEATS || 5);
const seconds = Number(process.env.SECONDS_PER_RUN || 2);

for (const wire of [false, true]) {
  await using flannel = await createLab({ name: 'relayu', underlay: 'pair', wire });
  await flannelUdp(flannel);
  await using tartan = await createLab({ name: 'relayt', underlay: 'pair', wire });
  await userRelays(tartan);
  const labs = { flannel, tartan };
  const rates = { flannel: [] as number[], tartan: [] as number[] };
  for (const lab of Object.values(labs)) await spreadHosts(lab.hosts);
  for (let run = 0; run < repeats; run++) {
    for (const name of ['flannel', 'tartan'] as const) {
      const [from, to] = labs[name].hosts.flatMap(({ pods }) => pods) as [Pod, Pod];
      const rate = await tcpThroughput(from, to, { seconds, omitSeconds: 1 });
      rates[name].push(rate);
      console.log(`${wire ? 'wire' : 'veth'} ${name} ${formatRate(rate)}`);
    }
  }
  const [u, t] = [median(rates.flannel), median(rates.tartan)];
  console.log(
    `${wire ? 'wire' : 'veth'}: ${formatRate(t)} to ${formatRate(u)}: ${(t / u).toFixed(2)} U`,
  );
}

async function userRelays(lab: Lab): Promise<void> {
  const mtu = lab.options.mtu - FLANNEL_UDP_OVERHEAD;
  const all = lab.hosts.map((host) => ({ subnet: subnetOf(lab, host), publicIp: host.address }));
  for (const [index, host] of lab.hosts.entries()) {
    const subnet = subnetOf(lab, host);
    await addUserDevice(host, { subnet, mtu, peers: all.filter((_, other) => other !== index) });
    await startUserRelay(host);
    await attachPods(host, { gateway: gatewayOf(subnet), mtu });
  }
}
