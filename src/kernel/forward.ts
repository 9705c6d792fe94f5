/**
 * Accepts for the network in the chains of iptables that would drop what the host forwards. An accept in a table of our own
 * would not do: whoever drops a packet after it has the last word.
 */
import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import type { ForwardChain, Iptables } from '../plan/forward.ts';
import { readChainNames } from '../sys/nft_chains.ts';
import { readText, runRestore } from './iproute.ts';
import { aliasOf } from './links.ts';
import { LEGACY_TABLES } from './netfilter.ts';

const CHAINS = ['FORWARD', 'DOCKER-USER'] as const;

type ChainName = ForwardChain['chain'];

/** Names a chain of an iptables. */
export interface ForwardPlace {
  readonly by: Iptables;
  readonly chain: ChainName;
}

/** The chains that are there. One that cannot be read is nothing that we could have changed. */
export async function observeForward(network: string): Promise<ForwardChain[]> {
  const present = await findChains();
  const found = await Promise.all(
    present.map(async ({ by, chain }): Promise<ForwardChain[]> => {
      try {
        return [{ by, chain, ...describeChain(await readLines({ by, chain }), network) }];
      } catch (error) {
        // Only some have it; what keeps it from being read is told of the other.
        if (chain === 'DOCKER-USER') return [];
        return [{ by, chain, drops: false, accepts: null, unreadable: messageOf(error) }];
      }
    }),
  );
  return found.flat();
}

/** Only what is there is asked for: `iptables-legacy -S` would make its table. */
async function findChains(): Promise<ForwardPlace[]> {
  const legacy = (await readFile(LEGACY_TABLES, 'utf8').catch(() => '')).split('\n');
  const names = readNamesOrNone();
  return CHAINS.flatMap((chain): ForwardPlace[] => [
    ...(names.includes(chain) ? [{ by: 'nft', chain } as const] : []),
    ...(legacy.includes('filter') ? [{ by: 'legacy', chain } as const] : []),
  ]);
}

function readNamesOrNone(): readonly string[] {
  try {
    return readChainNames('filter') ?? [];
  } catch {
    return [];
  }
}

/** What `iptables -S CHAIN` prints. @throws TartanError where there is no such chain, or no such command */
async function readLines({ by, chain }: ForwardPlace): Promise<string[]> {
  const text = await readText(`iptables-${by}`, '-w', '5', '-S', chain);
  return text.split('\n').filter((line) => /^-[AP] /.test(line));
}

/** What a line matches and does beyond its chain: `-A FORWARD -j DROP` is `-j DROP`. */
const UNCONDITIONAL = /^-A \S+ -j (DROP|REJECT|RETURN)(?= |$)/;
const DROPS = /^(-P \S+ DROP$|-A \S+ -j (DROP|REJECT)(?= |$))/;

/**
 * Reads what `iptables -S CHAIN` prints.
 * @param network the name of the network on this host
 */
export function describeChain(
  lines: readonly string[],
  network: string,
): Pick<ForwardChain, 'drops' | 'accepts'> {
  const isOurs = oursOf(network);
  const ours = lines.filter(isOurs);
  const reached = lines.slice(0, endOf(lines)).filter(isOurs);
  const sources = new Set(ours.map((line) => / -[sd] (\S+) /.exec(line)?.[1] ?? ''));
  const [accepted = ''] = sources;
  const isWhole =
    ours.length === 2 &&
    reached.length === 2 &&
    sources.size === 1 &&
    ['-s', '-d'].every((flag) => ours.some((line) => line.includes(` ${flag} ${accepted} `)));
  return {
    drops: lines.some((line) => DROPS.test(line)),
    accepts: ours.length === 0 ? null : isWhole ? accepted : '',
  };
}

/** The index of the first line that lets nothing past it. */
function endOf(lines: readonly string[]): number {
  const end = lines.findIndex((line) => UNCONDITIONAL.test(line));
  return end === -1 ? lines.length : end;
}

function oursOf(network: string): (line: string) => boolean {
  const comment = aliasOf(network);
  return (line) =>
    line.includes(` --comment ${comment} `) || line.includes(` --comment "${comment}" `);
}

/** In the place of what rules of ours there are, in one transaction. */
export async function acceptForward(
  network: string,
  place: ForwardPlace,
  overlay: string,
): Promise<void> {
  const lines = await readLines(place);
  const rules = ['-s', '-d'].map(
    (flag) => `${flag} ${overlay} -m comment --comment ${aliasOf(network)} -j ACCEPT`,
  );
  await rewrite(network, place, lines, rules);
}

export async function withdrawForward(network: string, place: ForwardPlace): Promise<void> {
  await rewrite(network, place, await readLines(place), []);
}

async function rewrite(
  network: string,
  { by, chain }: ForwardPlace,
  lines: readonly string[],
  rules: readonly string[],
): Promise<void> {
  const isOurs = oursOf(network);
  const [ours, others] = [lines.filter(isOurs), lines.filter((line) => !isOurs(line))];
  // What others have before the end of FORWARD stays before ours: it may have a reason to drop.
  const at =
    chain === 'DOCKER-USER' ? 1 : endOf(others.filter((line) => line.startsWith('-A '))) + 1;
  await runRestore(
    by,
    [
      '*filter',
      ...ours.map((line) => line.replace(/^-A/, '-D')),
      ...rules.map((rule, index) => `-I ${chain} ${at + index} ${rule}`),
      'COMMIT',
      '',
    ].join('\n'),
  );
}
