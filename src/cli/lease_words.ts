import { TartanError } from '../errors.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import { ipv4 } from './values.ts';

/** What `tartan lease …` asks for. */
export type LeaseRequest =
  | { readonly action: 'list' }
  | { readonly action: 'show' | 'release'; readonly subnet: Prefix }
  /** `publicIp` null: for whoever has the subnet. */
  | { readonly action: 'reserve'; readonly subnet: Prefix; readonly publicIp: string | null };

const USAGE: Readonly<Record<LeaseRequest['action'], string>> = {
  list: 'tartan lease list',
  show: 'tartan lease show <subnet>',
  reserve: 'tartan lease reserve <subnet> [<public-ip>]',
  release: 'tartan lease release <subnet>',
};

/** @throws TartanError `USAGE` */
export function readLeaseWords(words: readonly string[]): LeaseRequest {
  const [action = '', subnet, publicIp] = words;
  if (!isAction(action)) {
    throw new TartanError(
      'USAGE',
      `"${action}" is nothing that lease does`,
      `Give one of ${Object.keys(USAGE).join(', ')}.`,
    );
  }
  if (action === 'list') {
    if (subnet === undefined) return { action };
    throw wrongWords(action, `takes no subnet, and "${subnet}" is given`);
  }
  if (!subnet) throw wrongWords(action, 'lacks the subnet');
  if (action === 'reserve') {
    const prefix = readSubnet(subnet);
    return { action, subnet: prefix, publicIp: publicIp === undefined ? null : readIp(publicIp) };
  }
  if (publicIp === undefined) return { action, subnet: readSubnet(subnet) };
  throw wrongWords(action, `takes a subnet alone, and "${publicIp}" is given`);
}

function wrongWords(action: LeaseRequest['action'], problem: string): TartanError {
  return new TartanError('USAGE', `lease ${action} ${problem}`, `Use: ${USAGE[action]}`);
}

/** Strictly: `10.5.52.7/24` may be meant for another length. */
function readSubnet(text: string): Prefix {
  const subnet = parsePrefix(text);
  const name = formatPrefix(subnet);
  if (name === text) return subnet;
  throw new TartanError(
    'USAGE',
    `"${text}" is an address in ${name}, and no subnet`,
    `Give ${name}, or another length.`,
  );
}

function readIp(text: string): string {
  return ipv4('<public-ip>').read([text]);
}

function isAction(word: string): word is LeaseRequest['action'] {
  return Object.hasOwn(USAGE, word);
}
