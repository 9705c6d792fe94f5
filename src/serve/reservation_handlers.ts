/** Reservations over HTTP, which are leases without an end. */
import { parseConfig } from '../lease/config.ts';
import { planReservation } from '../lease/reservation.ts';
import { formatPrefix } from '../net/prefix.ts';
import { requireAdmin } from './authorize.ts';
import { type ReservationBody, readReservationBody, readSubnetKey, readTtl } from './bodies.ts';
import { getConfig } from './config_handlers.ts';
import { type Call, outdated } from './exchange.ts';
import { currentLease, leaseAnswer } from './lease_handlers.ts';
import type { Handler, Network } from './network.ts';

export const getReservations: Handler = async ({ hub }) => {
  const { snapshot } = await hub.list();
  const found = snapshot.leases
    .filter(({ expiresAt }) => expiresAt === 'never')
    .map(({ subnet, attributes }) => ({
      Subnet: formatPrefix(subnet),
      PublicIP: attributes.publicIp,
    }));
  return { status: 200, text: JSON.stringify(found), revision: snapshot.revision };
};

/** Creates one (`If-None-Match: *`), makes one of a lease (`If-Match`), or whichever is called for, as flannel does. */
export const postReservation: Handler = async (network, call) => {
  const body = readReservationBody(await call.body());
  requireAdmin(network.policy, call.client, `the reservation of ${formatPrefix(body.subnet)}`);
  const written = await reserve(network, call, body);
  if (written === null) throw outdated(formatPrefix(body.subnet));
  return leaseAnswer(network, written);
};

async function reserve(network: Network, call: Call, { subnet, attributes }: ReservationBody) {
  const { store } = network;
  if (call.condition === 'absent') return store.create(subnet, attributes, 'never');
  if (call.condition !== null) {
    return store.convert(await currentLease(network, call, subnet), 'never');
  }
  const { publicIp } = attributes;
  const { text } = await getConfig(network, call, '');
  const { leases, rejected } = await store.list();
  const config = parseConfig(text);
  const plan = planReservation({ config, leases, rejected, subnet, publicIp });
  if (plan.kind === 'keep') return plan.lease;
  if (plan.kind === 'create') return store.create(subnet, attributes, 'never');
  return store.convert(await currentLease(network, call, subnet), 'never');
}

/** Gives a reservation an end, as flannel does. */
export const deleteReservation: Handler = async (network, call, key) => {
  const subnet = readSubnetKey(key);
  const ttl = readTtl(call.query);
  requireAdmin(network.policy, call.client, `the reservation of ${formatPrefix(subnet)}`);
  const current = await currentLease(network, call, subnet);
  const converted = await network.store.convert(current, ttl);
  if (converted === null) throw outdated(formatPrefix(subnet));
  return leaseAnswer(network, converted);
};
