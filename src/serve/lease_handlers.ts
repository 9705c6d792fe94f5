/** Leases over HTTP: flannel's verbs, and conditions that make them compare-and-swap. */
import { acquireLease } from '../agent/acquire.ts';
import { messageOf, TartanError } from '../errors.ts';
import { leaseFits } from '../lease/allocate.ts';
import { type NetworkConfig, parseConfig } from '../lease/config.ts';
import type { Lease } from '../lease/lease.ts';
import { requireFree } from '../lease/reservation.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';
import { encodeLease, encodeSnapshot, withCursor } from '../store/http_codec.ts';
import { isAdmin, requireAdmin, requireOwner } from './authorize.ts';
import { readAttributesBody, readLeaseBody, readSubnetKey, readTtl } from './bodies.ts';
import { type Answer, badRequest, type Call, HttpError, outdated } from './exchange.ts';
import type { Handler, Network } from './network.ts';

/** A node has one lease, and another one for a moment while it moves; two nodes with one PublicIP have as many again. */
const MOST_OF_ONE = 4;
/** Of leases that are acquired here: renewed if no more is left of their day. */
const RENEW_MARGIN_SECONDS = 43_200;

export function leaseAnswer({ now }: Pick<Network, 'now'>, lease: Lease): Answer {
  return { status: 200, text: JSON.stringify(encodeLease(lease, now())), revision: lease.revision };
}

/**
 * The lease of a subnet as it is now, at the revision that the condition names, if it names one.
 * @throws TartanError 404, 412
 */
export async function currentLease(
  { store }: Network,
  { condition }: Call,
  subnet: Prefix,
): Promise<Lease> {
  const found = await store.get(subnet);
  if (condition !== null && found?.revision !== condition) throw outdated(formatPrefix(subnet));
  if (found !== null) return found;
  throw new TartanError(
    'LEASE_MISSING',
    `there is no lease of ${formatPrefix(subnet)}`,
    'GET the leases to see which there are.',
  );
}

/** A list of one, as flannel has it. */
export const getLease: Handler = async (network, call, key) => {
  if (call.query.has('next')) {
    throw badRequest('a single lease cannot be watched', 'Watch all leases, at …/leases?next=.');
  }
  const lease = await currentLease(network, { ...call, condition: null }, readSubnetKey(key));
  const { revision } = lease;
  const body = encodeSnapshot({ leases: [lease], rejected: [], revision }, network.now());
  return { status: 200, text: withCursor(body, String(revision)), revision };
};

/** flannel's way: the server chooses the subnet, or finds the one that this PublicIP has. */
export const postLease: Handler = async (network, call) => {
  const attributes = readAttributesBody(await call.body());
  requireOwner(network.policy, call.client, attributes.publicIp);
  const { lease } = await acquireLease({
    store: network.store,
    config: await configOf(network),
    publicIp: attributes.publicIp,
    vtepMac: attributes.vxlan?.vtepMac ?? null,
    previousSubnet: null,
    renewMarginSeconds: RENEW_MARGIN_SECONDS,
    offer: () => attributes,
    clocks: { now: network.now, elapsed: () => performance.now() },
  });
  return leaseAnswer(network, lease);
};

/** Creates exactly that lease (`If-None-Match: *`), or renews it. */
export const putLease: Handler = async (network, call, key) => {
  const subnet = readSubnetKey(key);
  const ttl = readTtl(call.query);
  const attributes = readLeaseBody(await call.body(), subnet);
  requireOwner(network.policy, call.client, attributes.publicIp);
  if (call.condition === 'absent') {
    await requireRoom(network, call, subnet, attributes.publicIp);
    const created = await network.store.create(subnet, attributes, ttl);
    if (created === null) throw outdated(formatPrefix(subnet));
    return leaseAnswer(network, created);
  }
  const current = await currentLease(network, call, subnet);
  requireOwner(network.policy, call.client, current.attributes.publicIp);
  const renewed = await network.store.renew(current, attributes, ttl);
  if (renewed === null) throw outdated(formatPrefix(subnet));
  return leaseAnswer(network, renewed);
};

export const deleteLease: Handler = async (network, call, key) => {
  const subnet = readSubnetKey(key);
  const current = await currentLease(network, call, subnet);
  requireOwner(network.policy, call.client, current.attributes.publicIp);
  if (current.expiresAt === 'never') {
    requireAdmin(network.policy, call.client, `the reservation of ${formatPrefix(subnet)}`);
  }
  if (!(await network.store.remove(current))) throw outdated(formatPrefix(subnet));
  return { status: 200, text: '{}' };
};

/** A client may choose its subnet, but not one that would take others' away. */
async function requireRoom(
  network: Network,
  { client }: Call,
  subnet: Prefix,
  publicIp: string,
): Promise<void> {
  if (isAdmin(network.policy, client)) return;
  const config = await configOf(network);
  const name = formatPrefix(subnet);
  if (!leaseFits(config, { subnet, expiresAt: 'unknown' })) {
    throw badRequest(
      `${name} is no subnet that the network ${formatPrefix(config.network)} hands out`,
      `Take a /${config.subnetLength} of it; GET the config for its bounds.`,
    );
  }
  const { leases, rejected } = (await network.hub.list()).snapshot;
  requireFree({ leases, rejected, subnet });
  const own = leases.filter(({ attributes }) => attributes.publicIp === publicIp);
  if (own.length < MOST_OF_ONE) return;
  throw new HttpError(
    409,
    'LEASE_TAKEN',
    `${publicIp} has ${own.length} leases already`,
    'DELETE those that it does not use.',
  );
}

async function configOf({ store }: Network) {
  const found = await store.readConfig();
  if (found !== null) return parseStored(found.text);
  throw new TartanError(
    'CONFIG_MISSING',
    'the store of the server holds no network config',
    'Write one with `tartan init-config` at the store.',
  );
}

/** What is wrong with it is no fault of who asks. @throws TartanError 500 */
function parseStored(text: string): NetworkConfig {
  try {
    return parseConfig(text);
  } catch (error) {
    throw new HttpError(
      500,
      'CONFIG_INVALID',
      `the config in the server's store is bad: ${messageOf(error)}`,
      'Write another one with `tartan init-config --force` at the store.',
    );
  }
}
