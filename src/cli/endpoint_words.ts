import { TartanError } from '../errors.ts';

/** What `tartan endpoint …` asks for. */
export type EndpointRequest =
  | { readonly action: 'add'; readonly interface: string; readonly address: string }
  | { readonly action: 'remove'; readonly interface: string; readonly address: string | null }
  | { readonly action: 'list' };

const USAGE: Readonly<Record<EndpointRequest['action'], string>> = {
  add: 'tartan endpoint add <interface> <address>',
  remove: 'tartan endpoint remove <interface> [<address>]',
  list: 'tartan endpoint list',
};

/** @throws TartanError `USAGE` */
export function readEndpointWords(words: readonly string[]): EndpointRequest {
  const [action = '', device, address = null] = words;
  if (!isAction(action)) {
    throw new TartanError(
      'USAGE',
      `"${action}" is nothing that endpoint does`,
      `Give one of ${Object.keys(USAGE).join(', ')}.`,
    );
  }
  if (action === 'list' && device === undefined) return { action };
  if (action === 'remove' && device) return { action, interface: device, address };
  if (action === 'add' && device && address) return { action, interface: device, address };
  const what = action === 'list' ? 'takes neither interface nor address' : 'lacks a word';
  throw new TartanError('USAGE', `endpoint ${action} ${what}`, `Use: ${USAGE[action]}`);
}

function isAction(word: string): word is EndpointRequest['action'] {
  return Object.hasOwn(USAGE, word);
}
