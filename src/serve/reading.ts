/** All that one scrape shows, read once for all of its metrics. */
import type { Measured, MemberFigures, ProgramTraffic } from '../agent/figures.ts';
import type { Health } from '../agent/health.ts';
import type { Tally } from '../agent/tally.ts';

/** A network that this process is to be a member of. */
export interface Source {
  /** Its name on this host. */
  readonly network: string;
  readonly health: Pick<Health, 'alive' | 'ready'>;
  readonly tally: Pick<Tally, 'ops' | 'events' | 'looks' | 'contact' | 'member'>;
}

export interface Reading extends Source {
  /** Null: it has not joined yet, or cannot tell now. */
  readonly figures: MemberFigures | null;
  /** Null: no programs carry its packets, or what they have counted cannot be read now. */
  readonly traffic: ProgramTraffic | null;
  /** What of these could not be read. */
  readonly failures: readonly string[];
}

/** Never rejects: a kernel that says nothing is no reason to tell nothing else. */
export async function read(source: Source): Promise<Reading> {
  const member = source.tally.member();
  if (member === null) return { ...source, figures: null, traffic: null, failures: [] };
  const failures: string[] = [];
  const attempt = async <T>(what: string, take: (from: Measured) => T | Promise<T>) => {
    try {
      return await take(member);
    } catch {
      failures.push(what);
      return null;
    }
  };
  const traffic = await attempt('traffic', (from) => from.readTraffic());
  const figures = await attempt('figures', (from) => from.figures());
  return { ...source, figures, traffic, failures };
}
