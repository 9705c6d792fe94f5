import { type EtcdServer, freePorts, startEtcd } from './etcd_server.ts';

/** Three etcd servers that are one. */
export interface EtcdCluster extends AsyncDisposable {
  readonly members: readonly EtcdServer[];
  readonly urls: readonly string[];
  /** The member that leads now; asks those that are given. */
  leader(among?: readonly EtcdServer[]): Promise<EtcdServer>;
}

const SIZE = 3;

/** @param namespace name of the network namespace to run in; else our own */
export async function startCluster(
  options: { readonly namespace?: string; readonly flags?: readonly string[] } = {},
): Promise<EtcdCluster> {
  const ports = await Promise.all(Array.from({ length: SIZE }, freePorts));
  const cluster = ports.map(([, peer], n) => `m${n}=http://127.0.0.1:${peer}`).join(',');
  const members = await Promise.all(
    ports.map((own, n) =>
      startEtcd({ ...options, member: { name: `m${n}`, ports: own, cluster } }),
    ),
  );
  return {
    members,
    urls: members.map(({ url }) => url),
    async leader(among = members) {
      const statuses = await Promise.all(among.map(statusOf));
      const leader = among.find((_, n) => statuses[n]?.leader === statuses[n]?.id);
      if (leader === undefined) throw new Error('nobody leads now');
      return leader;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member[Symbol.asyncDispose]()));
    },
  };
}

async function statusOf(member: EtcdServer): Promise<{ id: string; leader: string }> {
  const text = await member.etcdctl(['endpoint', 'status', '--write-out', 'fields']);
  const field = (name: string) => new RegExp(`"${name}" : (\\d+)`).exec(text)?.[1] ?? '';
  return { id: field('MemberID'), leader: field('Leader') };
}
