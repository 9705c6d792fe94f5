import type { Etcd } from '../lab/etcd.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { waitFor } from '../lab/ready.ts';
import { type Cuts, createCuts } from './cuts.ts';
import type { Disturbance } from './disturbances.ts';
import { createPlayer, type Player } from './player.ts';
import { startTraffic, type Traffic } from './traffic.ts';

/** Everything that acts are done to, and what is known of it. */
export interface Stage extends AsyncDisposable {
  readonly lab: Lab;
  readonly etcd: Etcd;
  readonly players: readonly Player[];
  readonly cuts: Cuts;
  readonly traffic: Traffic;
  readonly disturbances: readonly Disturbance[];
  /** Hosts that may have another subnet, and how often their lease was made to end: so often they may say that it is lost. */
  readonly bereft: Map<string, number>;
  /** Subnets that were taken by others, who never give them back; and their PublicIPs. */
  readonly taken: Map<string, string>;
  /** The host that has a reservation, and its subnet. */
  readonly reserved: { readonly player: Player; readonly subnet: string };
  player(name: string): Player;
  /** Notes that packets may be lost from now on. @returns notes that this is over */
  disturb(noted: Pick<Disturbance, 'hosts' | 'mendMs' | 'cause'>): () => void;
}

export const HOSTS = 8;

/** Few enough that those who join anew meet what others had. */
const CONFIG = {
  Network: '10.5.0.0/16',
  SubnetMin: '10.5.1.0',
  SubnetMax: '10.5.31.0',
  Backend: { Type: 'vxlan' },
} as const;

/** Eight hosts that have joined and are watched, one with a reservation, and pings between all their pods. */
export async function setStage(name: string): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  try {
    const lab = stack.use(await createLab({ name, hosts: HOSTS, store: 'etcd' }));
    const { etcd } = lab;
    const players = lab.hosts.map(createPlayer);
    const [first] = players;
    if (etcd === null || first === undefined) throw new Error('a stage needs etcd and hosts');
    await first.host.tartan(['init-config', '-'], { input: JSON.stringify(CONFIG) });
    const subnet = '10.5.31.0/24';
    await first.host.tartan(['lease', 'reserve', subnet, first.host.address]);
    await Promise.all(
      players.map(async ({ join, startWatch }) => {
        await join();
        await startWatch();
      }),
    );
    const cuts = await createCuts(lab);
    const traffic = stack.use(await startTraffic(lab.hosts));
    const disturbances: Disturbance[] = [];
    return {
      lab,
      etcd,
      players,
      cuts,
      traffic,
      disturbances,
      bereft: new Map(),
      taken: new Map(),
      reserved: { player: first, subnet },
      player: (wanted) => players.find((each) => each.name === wanted) ?? first,
      disturb(noted) {
        const disturbance = { ...noted, from: Date.now(), to: Number.POSITIVE_INFINITY };
        disturbances.push(disturbance);
        return () => {
          disturbance.to = Date.now();
        };
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Asks etcd, again while it is away. */
export function askEtcd({ etcd }: Stage, args: readonly string[], input = ''): Promise<string> {
  return waitFor(
    `etcdctl ${args.join(' ')}`,
    async () => (await etcd.ctl(['--command-timeout=2s', ...args], { input })).stdout || ' ',
    { limitSeconds: 60, everyMilliseconds: 200 },
  );
}
