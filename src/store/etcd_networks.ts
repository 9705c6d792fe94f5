import { isNetworkName } from '../lease/network_name.ts';
import type { NetworkDirectory } from './contract.ts';
import { createEtcdClient, type EtcdCaller } from './etcd_client.ts';
import type { EtcdStoreOptions } from './etcd_options.ts';
import { DEFAULT_PREFIX, keyLayout } from './keys.ts';

/**
 * The networks under an etcd prefix, as flannel lays out several: `<prefix>/<name>/config`. A range a network is asked
 * for, of one key and no value: leases, of which there may be thousands, are leapt over.
 * @throws TartanError `USAGE`, `FILE`. Nothing is sent yet.
 */
export function openEtcdNetworks(options: EtcdStoreOptions): NetworkDirectory {
  const root = `${(options.prefix ?? DEFAULT_PREFIX).replace(/\/+$/, '')}/`;
  const client = createEtcdClient(options);
  return {
    description: `${client.description}, under ${root}`,
    async list() {
      const caller = client.begin();
      const names: string[] = [];
      for (let from = root; ; ) {
        const key = await firstKey(caller, from, pastFolder(root));
        if (key === null) return names;
        const name = key.slice(root.length).split('/', 1)[0] ?? '';
        const folder = `${root}${name}/`;
        if (!key.startsWith(folder)) {
          from = `${key}\0`;
          continue;
        }
        const { config } = keyLayout(folder);
        if (isNetworkName(name) && (await firstKey(caller, config, `${config}\0`)) !== null) {
          names.push(name);
        }
        from = pastFolder(folder);
      }
    },
    async close() {
      client.close();
    },
  };
}

/** The first key of a range, its end exclusive. */
async function firstKey(caller: EtcdCaller, from: string, end: string): Promise<string | null> {
  const [key, range_end] = [from, end].map((text) => Buffer.from(text)) as [Buffer, Buffer];
  const { kvs } = await caller.call(({ kv }, { deadline }) =>
    kv.range({ key, range_end, limit: 1, keys_only: true }, { deadline }),
  );
  return kvs[0]?.key.toString() ?? null;
}

/** The first string after all that begin with the folder, which ends with a slash: '0' is the character after it. */
function pastFolder(folder: string): string {
  return `${folder.slice(0, -1)}0`;
}
