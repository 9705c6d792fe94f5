import { encodeAttributes, encodeSubnetKey } from '../lease/codec.ts';
import type { Lease } from '../lease/lease.ts';
import { UNNAMED } from '../lease/network_name.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';
import type { LeaseStore } from './contract.ts';
import { createHttpClient, type HttpAnswer, type HttpRequest } from './http_client.ts';
import { decodeLease, decodeWatchAnswer, parseBody } from './http_codec.ts';
import { refusal } from './http_errors.ts';
import type { HttpStoreOptions } from './http_options.ts';
import { watchHttp } from './http_watch.ts';

/** Nothing may stand there yet. */
const ABSENT = { 'If-None-Match': '*' };
const at = (revision: number) => ({ 'If-Match': `"${revision}"` });

/**
 * Opens a store that a `tartan serve` offers. Nothing is sent before the first call. Each call is one request; if its
 * answer is lost, it is sent once more, and what the first try has written counts as ours.
 * @throws TartanError `USAGE` for a remote that is none, `FILE` for certificates that cannot be read
 */
export async function openHttpStore(options: HttpStoreOptions): Promise<LeaseStore> {
  const client = createHttpClient(options);
  const { description } = client;
  const base = `/v1/${encodeURIComponent(options.network ?? UNNAMED)}`;
  const closing = new AbortController();

  const send = (request: HttpRequest) => client.request({ signal: closing.signal, ...request });
  const refused = ({ status, body }: HttpAnswer) => refusal(description, status, body);
  const leasePath = (subnet: Prefix) => `${base}/leases/${encodeSubnetKey(subnet)}`;

  async function get(subnet: Prefix): Promise<Lease | null> {
    const answer = await send({ method: 'GET', path: leasePath(subnet) });
    if (answer.status === 404 && refused(answer).code === 'LEASE_MISSING') return null;
    if (answer.status !== 200) throw refused(answer);
    const { update } = decodeWatchAnswer(answer.body, Date.now());
    return (update?.type === 'snapshot' && update.snapshot.leases[0]) || null;
  }

  /** @param isOurs whether the lease that stands there now is what a first try has written, whose answer was lost */
  async function write(
    request: HttpRequest,
    subnet: Prefix,
    isOurs: (found: Lease) => boolean,
  ): Promise<Lease | null> {
    const answer = await send(request);
    if (answer.status === 200) return decodeLease(parseBody(answer.body), Date.now());
    if (answer.status !== 412) throw refused(answer);
    if (!answer.isRepeated) return null;
    const found = await get(subnet);
    return found !== null && isOurs(found) ? found : null;
  }

  /** With a revision that is behind it, and the same content. */
  const isSuccessor = (lease: Lease, attributes: Lease['attributes']) => (found: Lease) =>
    found.revision > lease.revision &&
    encodeAttributes(found.attributes) === encodeAttributes(attributes);

  async function readConfig() {
    const answer = await send({ method: 'GET', path: `${base}/config` });
    if (answer.status === 404 && refused(answer).code === 'CONFIG_MISSING') return null;
    if (answer.status !== 200) throw refused(answer);
    return { text: answer.body, revision: Number(answer.headers.etag?.replaceAll('"', '')) || 0 };
  }

  return {
    description,

    readConfig,

    async writeConfig(text, expected) {
      const headers = expected === null ? ABSENT : at(expected.revision);
      const answer = await send({ method: 'PUT', path: `${base}/config`, headers, body: text });
      if (answer.status === 200) return true;
      if (answer.status !== 412) throw refused(answer);
      return answer.isRepeated && (await readConfig())?.text === text;
    },

    async list() {
      const answer = await send({ method: 'GET', path: `${base}/leases` });
      if (answer.status !== 200) throw refused(answer);
      const { update } = decodeWatchAnswer(answer.body, Date.now());
      if (update?.type !== 'snapshot') throw refusal(description, answer.status, '');
      return update.snapshot;
    },

    get,

    create(subnet, attributes, ttl) {
      const isOurs = (found: Lease) =>
        encodeAttributes(found.attributes) === encodeAttributes(attributes);
      const lease = leaseBody(subnet, attributes);
      const request: HttpRequest =
        ttl === 'never'
          ? { method: 'POST', path: `${base}/reservations`, headers: ABSENT, body: lease }
          : {
              method: 'PUT',
              path: `${leasePath(subnet)}?ttl=${ttl}`,
              headers: ABSENT,
              body: lease,
            };
      return write(request, subnet, isOurs);
    },

    renew(lease, attributes, ttlSeconds) {
      const path = `${leasePath(lease.subnet)}?ttl=${ttlSeconds}`;
      const body = leaseBody(lease.subnet, attributes);
      const request: HttpRequest = { method: 'PUT', path, headers: at(lease.revision), body };
      return write(request, lease.subnet, isSuccessor(lease, attributes));
    },

    convert(lease, ttl) {
      const { subnet, attributes, revision } = lease;
      const headers = at(revision);
      const request: HttpRequest =
        ttl === 'never'
          ? {
              ...{ method: 'POST', path: `${base}/reservations`, headers },
              body: leaseBody(subnet, attributes),
            }
          : {
              ...{ method: 'DELETE', headers },
              path: `${base}/reservations/${encodeSubnetKey(subnet)}?ttl=${ttl}`,
            };
      const isOurs = isSuccessor(lease, attributes);
      const isEndless = ttl === 'never';
      return write(
        request,
        subnet,
        (found) => isOurs(found) && (found.expiresAt === 'never') === isEndless,
      );
    },

    async remove({ subnet, revision }) {
      const path = leasePath(subnet);
      const answer = await send({ method: 'DELETE', path, headers: at(revision) });
      if (answer.status === 200) return true;
      if (answer.status !== 412) throw refused(answer);
      return answer.isRepeated && (await get(subnet)) === null;
    },

    watch: (from, signal) =>
      watchHttp({
        client,
        path: `${base}/leases`,
        from,
        signal: AbortSignal.any([signal, closing.signal]),
      }),

    reconnect: () => client.reconnect(),

    async close() {
      closing.abort();
      client.close();
    },
  };
}

/** What flannel's client sends; a reservation's PublicIP stands beside it, as flannel has it. */
function leaseBody(subnet: Prefix, attributes: Lease['attributes']): string {
  return JSON.stringify({
    Subnet: formatPrefix(subnet),
    PublicIP: attributes.publicIp,
    Attrs: JSON.parse(encodeAttributes(attributes)),
  });
}
