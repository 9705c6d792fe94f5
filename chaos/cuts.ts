import type { Lab } from '../lab/lab.ts';

/** Drops IPv4 packets between two addresses of a flat lab, where they pass from cable to cable. */
export interface Cuts {
  cut(one: string, other: string): Promise<void>;
  mend(one: string, other: string): Promise<void>;
}

/** The hosts' programs carry packets past their own netfilter: what is to drop them stands between the hosts. */
const RULES = `table bridge chaos {
  set cut { type ipv4_addr . ipv4_addr; }
  chain forward { type filter hook forward priority 0; ip saddr . ip daddr @cut drop; }
  chain input { type filter hook input priority 0; ip saddr . ip daddr @cut drop; }
  chain output { type filter hook output priority 0; ip saddr . ip daddr @cut drop; }
}
`;

export async function createCuts(lab: Lab): Promise<Cuts> {
  const { exec } = lab.node('fabric');
  await exec(['nft', '-f', '-'], { input: RULES });
  const change = (verb: string) => async (one: string, other: string) => {
    const pairs = `{ ${one} . ${other}, ${other} . ${one} }`;
    await exec(['nft', '-f', '-'], { input: `${verb} element bridge chaos cut ${pairs}\n` });
  };
  return { cut: change('add'), mend: change('delete') };
}
