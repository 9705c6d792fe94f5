/**
 * What NAT rules on the hosts cost: plain routing tracks every flow then, and FastPath looks every packet's flow up, so
 * that none that is NAT-ed passes the host by.
 */

import type { Host } from '../../lab/host.ts';
import type { Lab } from '../../lab/lab.ts';
import { type Finding, ratioSpread } from '../findings.ts';
import type { Plan } from '../matrix.ts';
import { buildSetups } from '../setups.ts';
import { load } from './many_rules.ts';
import { findingsOf, measureToggled, type Rates } from './toggle.ts';

const SERVICES = 100;
const LETTERS: readonly string[] = ['N', 'P'];
const CELL = { wire: 'veth', mtu: 1500, underlay: 'flat' } as const;
const TABLE = 'bench_nat';

export async function measureNatRules(plan: Plan): Promise<Finding[]> {
  const setups = plan.setups.filter(({ letter }) => LETTERS.includes(letter));
  await using labs = await buildSetups(setups, CELL, plan);
  const findings: Finding[] = [];
  const all = new Map<string, Rates>();
  for (const built of labs.built) {
    const { letter, name } = built.setup;
    plan.say(`nat ${letter} ${name}`);
    const rates = await measureToggled(built, plan, () => putNat(built.lab, letter));
    all.set(letter, rates);
    findings.push(...findingsOf(`nat/${letter}`, name, 'NAT rules on the hosts', rates));
  }
  const [n, p] = [all.get('N'), all.get('P')];
  if (!n || !p) return findings;
  return [
    ...findings,
    {
      id: 'nat/P+nat/N',
      what: 'packets, FastPath with NAT rules / plain routing without',
      unit: '',
      value: ratioSpread(p.with, n.without),
    },
    {
      id: 'nat/P+nat/N+nat',
      what: 'packets, FastPath with NAT rules / plain routing with them',
      unit: '',
      value: ratioSpread(p.with, n.with),
    },
  ];
}

/** Loads the rules on every host and lets tartan see them; returns what takes them away. */
export async function putNat(lab: Lab, letter: string): Promise<() => Promise<void>> {
  const change = async (ruleset: string) => {
    await Promise.all(
      lab.hosts.map(async (host: Host) => {
        await load(host, ruleset);
        // Where no watch runs, join is who notices.
        if (letter !== 'N') await host.tartan(['join']);
      }),
    );
  };
  await change(natRules());
  return () => change(`delete table ip ${TABLE}`);
}

/**
 * As kube-proxy writes them in its nftables mode: one look-up in a map of services, before routing and for the host's own
 * packets, DNAT to an endpoint in a chain of the service, and masquerade of what carries the mark 0x4000.
 */
function natRules(): string {
  const services = Array.from({ length: SERVICES }, (_, i) => i + 1);
  const chains = services.map(
    (i) => `  chain service_${i} {
    ip saddr 10.96.0.0/12 meta mark set meta mark or 0x4000
    meta l4proto tcp dnat to 10.5.${i}.2:8080
  }`,
  );
  const elements = services.map((i) => `10.96.0.${i} . tcp . 80 : goto service_${i}`);
  const lookup = 'ip daddr . meta l4proto . th dport vmap @services';
  return `table ip ${TABLE} {
${chains.join('\n')}
  map services {
    type ipv4_addr . inet_proto . inet_service : verdict
    elements = { ${elements.join(',\n      ')} }
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ${lookup}
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ${lookup}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x4000 == 0x4000 masquerade fully-random
  }
}
`;
}
