/** What a thousand rules in the hosts' forward path cost, one after the other, as iptables has them. */
import type { Host } from '../../lab/host.ts';
import type { Finding } from '../findings.ts';
import type { Plan } from '../matrix.ts';
import { buildSetups } from '../setups.ts';
import { findingsOf, measureToggled } from './toggle.ts';

const COUNT = 1000;
const LETTERS: readonly string[] = ['N', 'B', 'T', 'P'];
const CELL = { wire: 'veth', mtu: 1500, underlay: 'flat' } as const;
const TABLE = 'bench_rules';

export async function measureManyRules(plan: Plan): Promise<Finding[]> {
  const setups = plan.setups.filter(({ letter }) => LETTERS.includes(letter));
  await using labs = await buildSetups(setups, CELL, plan);
  const findings: Finding[] = [];
  for (const built of labs.built) {
    const { letter, name } = built.setup;
    const { hosts } = built.lab;
    plan.say(`rules ${letter} ${name}`);
    const rates = await measureToggled(built, plan, async () => {
      await Promise.all(hosts.map((host) => load(host, rules())));
      return async () => {
        await Promise.all(hosts.map((host) => load(host, `delete table inet ${TABLE}`)));
      };
    });
    findings.push(...findingsOf(`rules/${letter}`, name, `${COUNT} rules in forward`, rates));
  }
  return findings;
}

/** None of them matches: every packet of the host's stack is compared with all. */
function rules(): string {
  const lines = Array.from(
    { length: COUNT },
    (_, i) => `    ip saddr 203.0.${113 + (i >> 8)}.${i & 255} drop`,
  );
  return `table inet ${TABLE} {
  chain forward {
    type filter hook forward priority filter; policy accept;
${lines.join('\n')}
  }
}
`;
}

export async function load(host: Host, ruleset: string): Promise<void> {
  await host.exec(['nft', '-f', '-'], { input: ruleset });
}
