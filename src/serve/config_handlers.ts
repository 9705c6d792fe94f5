/** The network's config over HTTP: byte for byte as it stands in the store. */
import { TartanError } from '../errors.ts';
import { requireAdmin } from './authorize.ts';
import { badRequest, outdated } from './exchange.ts';
import type { Handler } from './network.ts';

export const getConfig: Handler = async ({ store }) => {
  const found = await store.readConfig();
  if (found === null) {
    throw new TartanError(
      'CONFIG_MISSING',
      'the store of the server holds no network config',
      'Write one with `tartan init-config` at the store.',
    );
  }
  return { status: 200, text: found.text, revision: found.revision };
};

/**
 * Writes a config in the place of the one that the condition names. That it makes sense has been checked by who sends it,
 * and may be of a later version.
 */
export const putConfig: Handler = async ({ store, policy }, call) => {
  requireAdmin(policy, call.client, 'the network config');
  const { condition } = call;
  if (condition === null) {
    throw badRequest(
      'a config is written without a condition',
      'Give If-Match with the revision (ETag) of what is to be replaced, or If-None-Match: *.',
    );
  }
  const text = await call.body();
  const expected = condition === 'absent' ? null : { text: '', revision: condition };
  if (!(await store.writeConfig(text, expected))) throw outdated('the network config');
  return { status: 200, text: '{}' };
};
