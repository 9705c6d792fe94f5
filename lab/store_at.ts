import type { LeaseStore } from '../src/store/contract.ts';

/** Opens a store without a command: `file:PATH`, `etcd:URL,PREFIX` or `http:HOST:PORT`. */
export async function openStoreAt(spec: string): Promise<LeaseStore> {
  const [, kind, rest = ''] = /^(\w+):(.*)$/.exec(spec) ?? [];
  if (kind === 'file') {
    const { openFileStore } = await import('../src/store/file.ts');
    return openFileStore({ path: rest });
  }
  if (kind === 'http') {
    const { openHttpStore } = await import('../src/store/http.ts');
    return openHttpStore({ remote: rest });
  }
  const { openEtcdStore } = await import('../src/store/etcd.ts');
  const [url = '', prefix = ''] = rest.split(',');
  return openEtcdStore({ endpoints: [url], prefix });
}
