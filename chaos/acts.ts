/** What is done to the hosts and to etcd, as plain data. */

interface ToHost {
  /** `a`, `b`, … */
  readonly host: string;
}

/** What a host's administrator, or a bug of another program, breaks; `watch` is to mend it. */
export const BREAKAGES = [
  'device',
  'device-down',
  'routes',
  'filter',
  'pins',
  'subnet-env',
] as const;
export type Breakage = (typeof BREAKAGES)[number];

export type Act =
  /** `watch` ends by kill -9, and is started again. */
  | ({ readonly kind: 'kill-watch'; readonly downMs: number } & ToHost)
  /** `renew` is started beside `watch`, and ends by kill -9. */
  | ({ readonly kind: 'kill-renew'; readonly afterMs: number } & ToHost)
  /** In the place of `watch`, `join` is started, ends by kill -9, and is run again. */
  | ({ readonly kind: 'kill-join'; readonly afterMs: number } & ToHost)
  /** etcd ends by kill -9, and is started again. */
  | { readonly kind: 'kill-etcd'; readonly downMs: number }
  | { readonly kind: 'compact' }
  /** The host and etcd do not hear each other; its lease may run out meanwhile, and another node take the subnet. */
  | ({ readonly kind: 'cut-store'; readonly forMs: number } & Meanwhile & ToHost)
  /** Two hosts do not hear each other. */
  | ({ readonly kind: 'cut-hosts'; readonly other: string; readonly forMs: number } & ToHost)
  /** The cable is pulled, and put in again. */
  | ({ readonly kind: 'unplug'; readonly forMs: number } & ToHost)
  /** The underlay interface goes down and up. */
  | ({ readonly kind: 'flap'; readonly times: number; readonly forMs: number } & ToHost)
  | ({ readonly kind: 'break'; readonly what: Breakage } & ToHost)
  /** The wall clock, as all processes of the host see it, is set on or back. */
  | ({ readonly kind: 'step-clock'; readonly seconds: number } & ToHost)
  /** Its lease ends in front of its eyes. */
  | ({ readonly kind: 'expire' } & ToHost)
  /** Leaves the network and joins anew. */
  | ({ readonly kind: 'rejoin'; readonly downMs: number } & ToHost)
  /** Nothing is left but the store, the host's address and its pods. */
  | ({ readonly kind: 'reboot'; readonly downMs: number } & ToHost);

/** What else happens to a host that is cut off from etcd. */
export interface Meanwhile {
  /** Its clock goes to where the lease is to be renewed. */
  readonly isDue: boolean;
  readonly breaks: Breakage | null;
  readonly lease: Loss | null;
}

/** What may happen to the lease of a host that is cut off. */
export type Loss = 'expires' | 'is taken';

export type ActKind = Act['kind'];

/** An act and its time, in ms after the start. */
export interface Planned {
  readonly atMs: number;
  readonly act: Act;
}

/** How long an act takes by itself, in ms. */
export function durationOf(act: Act): number {
  switch (act.kind) {
    case 'cut-store':
    case 'cut-hosts':
    case 'unplug':
      return act.forMs;
    case 'flap':
      return act.forMs * act.times;
    case 'kill-watch':
    case 'kill-etcd':
    case 'rejoin':
    case 'reboot':
      return act.downMs;
    case 'kill-renew':
    case 'kill-join':
      return act.afterMs;
    default:
      return 0;
  }
}

/** The hosts that it is done to. */
export function hostsOf(act: Act): string[] {
  if (!('host' in act)) return [];
  return 'other' in act ? [act.host, act.other] : [act.host];
}

/** `12.3 s  kill-watch b, downMs 800` */
export function describePlanned({ atMs, act }: Planned): string {
  const { kind, ...rest } = act;
  const details = Object.entries(rest)
    .filter(
      ([name, value]) => !['host', 'other'].includes(name) && value !== null && value !== false,
    )
    .map(([name, value]) => `${name} ${value}`);
  const words = [kind, hostsOf(act).join(' and ')].filter((word) => word !== '').join(' ');
  return `${(atMs / 1000).toFixed(1).padStart(6)} s  ${[words, ...details].join(', ')}`;
}
