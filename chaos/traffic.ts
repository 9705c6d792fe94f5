import type { Host } from '../lab/host.ts';
import { type Pinging, startPinging } from '../lab/pinging.ts';
import { attachPods, readPodNetwork } from '../lab/pod.ts';
import { type PairTally, withLastGap } from './disturbances.ts';

/** Pings from every host's pod to every other one, all the time. */
export interface Traffic extends AsyncDisposable {
  /** Gives the pods of hosts whose subnet has changed addresses of that. @returns those hosts */
  follow(): Promise<string[]>;
  /** Ends all pings. */
  stop(): Promise<PairTally[]>;
}

const INTERVAL_MS = 200;

interface Pair {
  readonly from: Host;
  readonly to: Host;
  pinging: Pinging | null;
  startedAt: number;
  readonly past: PairTally[];
}

/** The pods must not be attached yet. */
export async function startTraffic(hosts: readonly Host[]): Promise<Traffic> {
  const gateways = new Map<Host, string>();
  const pairs: Pair[] = hosts.flatMap((from) =>
    hosts
      .filter((to) => to !== from)
      .map((to) => ({ from, to, pinging: null, startedAt: 0, past: [] as PairTally[] })),
  );

  async function halt(pair: Pair): Promise<void> {
    const { from, to, pinging, startedAt, past } = pair;
    pair.pinging = null;
    if (pinging === null) return;
    const stoppedAt = Date.now();
    const tally = withLastGap(await pinging.stop(), {
      startedAt,
      stoppedAt,
      intervalMs: INTERVAL_MS,
    });
    past.push({ from: from.name, to: to.name, tally });
  }

  function begin(pair: Pair): void {
    const [from, to] = [pair.from.pods[0], pair.to.pods[0]];
    if (!from || !to) return;
    pair.pinging = startPinging(from, to.address, INTERVAL_MS);
    pair.startedAt = Date.now();
  }

  async function follow(): Promise<string[]> {
    const moved = hosts.filter((host) => {
      const gateway = gatewayOf(host);
      return gateway !== null && gateway !== gateways.get(host);
    });
    const concerned = pairs.filter(({ from, to }) => moved.includes(from) || moved.includes(to));
    await Promise.all(concerned.map(halt));
    for (const host of moved) {
      const network = readPodNetwork(host);
      gateways.set(host, network.gateway);
      await attachPods(host, network);
    }
    for (const pair of concerned) begin(pair);
    return moved.map(({ name }) => name);
  }

  async function stop(): Promise<PairTally[]> {
    await Promise.all(pairs.map(halt));
    return pairs.flatMap(({ past }) => past);
  }

  await follow();
  return {
    follow,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** null while there is no subnet.env. */
function gatewayOf(host: Host): string | null {
  try {
    return readPodNetwork(host).gateway;
  } catch {
    return null;
  }
}
