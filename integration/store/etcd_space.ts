import { waitFor } from '../../lab/ready.ts';
import type { EtcdServer } from './etcd_server.ts';

/** A small keyspace, for a server that is to be filled. */
export const SMALL_QUOTA = ['--quota-backend-bytes', String(2 * 1024 * 1024)] as const;

const FILLER = '/filler/';
const FILLER_BYTES = 256 * 1024;
const MOST_FILLERS = 20;

/** Writes until etcd is full and refuses every write (the alarm NOSPACE). */
export async function fillUp(server: EtcdServer): Promise<void> {
  const value = 'x'.repeat(FILLER_BYTES);
  for (let n = 0; n < MOST_FILLERS; n++) {
    const isFull = await server.etcdctl(['put', `${FILLER}${n}`], value).then(
      () => false,
      () => true,
    );
    if (!isFull) continue;
    await waitFor('the alarm', async () =>
      (await server.etcdctl(['alarm', 'list'])).includes('NOSPACE'),
    );
    return;
  }
  throw new Error(`${MOST_FILLERS} values of ${FILLER_BYTES} bytes do not fill it`);
}

/** What an administrator does about it. */
export async function makeRoom(server: EtcdServer): Promise<void> {
  await server.etcdctl(['del', '--prefix', FILLER]);
  const { header } = JSON.parse(await server.etcdctl(['get', 'x', '--write-out', 'json']));
  await server.etcdctl(['compact', String(header.revision), '--physical']);
  await server.etcdctl(['defrag']);
  await server.etcdctl(['alarm', 'disarm']);
}
