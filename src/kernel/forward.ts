/**
 * Accepts for the network in the chains of iptables that would drop what the host forwards. An accept in a table of our own
 * would not do: whoever drops a packet after it has the last word.
 */
import { readFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import type { ForwardChain, Iptables } from '../plan/forward.ts';
import { hasChain } from '../sys/nft_chains.ts';
import { readText, runRestore } from './iproute.ts';
import { aliasOf } from './links.ts';
import { LEGACY_TABLES } from './netfilter.ts';

type ChainName = ForwardChain['chain'];

/** Names a chain of an iptables. */
export interface ForwardPlace {
  readonly by: Iptables;
  readonly chain: ChainName;
}

/** The chains that are there. One that cannot be read is nothing that we could have changed. */
export async function observeForward(network: string): Promise<ForwardChain[]> {
  const found = await Promise.all((await findTables()).map((by) => observeTable(by, network)));
  return found.flat();
}

async function observeTable(by: Iptables, network: string): Promise<ForwardChain[]> {
  try {
    const forward = await readLines({ by, chain: 'FORWARD' });
    const users = await readLines({ by, chain: 'DOCKER-USER' }).catch(() => null);
    return describeChains({ forward, users }, network).map((chain) => ({ by, ...chain }));
  } catch (error) {
    const unreadable = messageOf(error);
    return [{ by, chain: 'FORWARD', isPlace: false, accepts: null, unreadable }];
  }
}

/** Only what is there is asked for: `iptables-legacy -S` would make its table. */
async function findTables(): Promise<Iptables[]> {
  const legacy = (await readFile(LEGACY_TABLES, 'utf8').catch(() => '')).split('\n');
  return [
    ...(hasForward() ? (['nft'] as const) : []),
    ...(legacy.includes('filter') ? (['legacy'] as const) : []),
  ];
}

/** Where the kernel has no nftables, or does not let us look, there is nothing for us to change. */
function hasForward(): boolean {
  try {
    return hasChain('filter', 'FORWARD');
  } catch {
    return false;
  }
}

/** What `iptables -S CHAIN` prints. @throws TartanError where there is no such chain, or no such command */
async function readLines({ by, chain }: ForwardPlace): Promise<string[]> {
  const text = await readText(`iptables-${by}`, '-w', '5', '-S', chain);
  return text.split('\n').filter((line) => /^-[AP] /.test(line));
}

/** No condition, though it is written like one. */
const COMMENT = / -m comment --comment ("(?:[^"\\]|\\.)*"|\S+)/;

const ENDS = /^-A \S+ -j (DROP|REJECT|RETURN)(?= |$)/;
const DROPS = /^(-P \S+ DROP$|-A \S+ -j (DROP|REJECT)(?= |$))/;

/**
 * Reads what `iptables -S CHAIN` prints.
 * @param users lines of `DOCKER-USER`; null: there is no such chain
 * @param network the name of the network on this host
 */
export function describeChains(
  { forward, users }: { forward: readonly string[]; users: readonly string[] | null },
  network: string,
): Omit<ForwardChain, 'by'>[] {
  const isOurs = oursOf(network);
  // Of Docker that has gone, the chain may be left, and passed by nobody.
  const jump = forward.findIndex((line) => bare(line) === '-A FORWARD -j DOCKER-USER');
  const isPassed = users !== null && jump !== -1 && jump < endOf(forward);
  const drops = forward.some((line) => DROPS.test(bare(line)));
  return [
    { chain: 'FORWARD', isPlace: drops && !isPassed, accepts: readAccepts(forward, isOurs) },
    ...(users === null
      ? []
      : [
          {
            chain: 'DOCKER-USER',
            isPlace: isPassed,
            accepts: readAccepts(users, isOurs),
          } as const,
        ]),
  ];
}

/** What is ours must be whole, and reached. */
function readAccepts(lines: readonly string[], isOurs: (line: string) => boolean): string | null {
  const ours = lines.filter(isOurs);
  if (ours.length === 0) return null;
  const reached = lines.slice(0, endOf(lines)).filter(isOurs);
  const networks = new Set(ours.map((line) => / -[sd] (\S+) /.exec(line)?.[1] ?? ''));
  const [network = ''] = networks;
  const isWhole =
    ours.length === 2 &&
    reached.length === 2 &&
    networks.size === 1 &&
    ['-s', '-d'].every((flag) => ours.some((line) => line.includes(` ${flag} ${network} `)));
  return isWhole ? network : '';
}

/** The index of the first line that lets nothing past it. */
function endOf(lines: readonly string[]): number {
  const end = lines.findIndex((line) => ENDS.test(bare(line)));
  return end === -1 ? lines.length : end;
}

function bare(line: string): string {
  return line.replace(COMMENT, '');
}

function oursOf(network: string): (line: string) => boolean {
  const comment = aliasOf(network);
  return (line) =>
    [` ${comment} `, ` "${comment}" `].some((text) => line.includes(`--comment${text}`));
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
  // What others have before the chain's end stays before ours: it may have a reason to drop.
  const at = endOf(others.filter((line) => line.startsWith('-A '))) + 1;
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
