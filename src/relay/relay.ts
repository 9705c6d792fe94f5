/** Carries packets between a TUN and the other hosts, in user space: flannel's udp on any kernel. */
import { setTimeout as delay } from 'node:timers/promises';
import { formatIpv4 } from '../net/ipv4.ts';
import { prefixOf } from '../net/prefix.ts';
import type { DatagramSocket } from '../sys/datagrams.ts';
import { indexOfInterface } from '../sys/interfaces.ts';
import { allocate } from '../sys/memory.ts';
import { watchRoutes } from '../sys/netlink.ts';
import { whenReadable } from '../sys/readable.ts';
import { readRouteRecords } from '../sys/rtnetlink/routes.ts';
import type { Tun } from '../sys/tun.ts';
import { type Counters, countedOf, droppedOf, zeroCounters } from './counters.ts';
import { downlinkOf } from './downlink.ts';
import { deviceGone, openDevice, openSocket } from './open.ts';
import { outboxOf } from './outbox.ts';
import { type PeerTable, peerTableOf } from './peers.ts';
import { UPLINK_BYTES, uplinkOf } from './uplink.ts';

/** The routes that `join` writes. */
const ROUTE_PROTOCOL = 116;

/** Packets are carried for so long at a time; then signals and news of routes have their turn. */
const TURN_MS = 2;

/** Drops are told of at most so often. */
const TELL_EVERY_MS = 1000;

/** How many times as long as reading the routes took, packets are carried before they are read again. */
const RESTS = 5;

export interface RelaySettings {
  readonly device: string;
  /** Own IPv4 address as a number; 0 for any. */
  readonly bind: number;
  /** Of this host and all others. */
  readonly port: number;
}

export interface RelayWorld {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** `ready`, `peers`, `dropped`, `stopped`. */
  emit(event: { time: string; type: string; [key: string]: unknown }): void;
}

/**
 * Relays until the signal aborts.
 * @throws TartanError `INTERFACE` (no such device), `DEVICE_FOREIGN` (it is no TUN), `BUSY` (another relay has it, or the
 *   port is taken), `PERMISSION`
 */
export async function relay(world: RelayWorld, settings: RelaySettings): Promise<void> {
  const { device, bind, port } = settings;
  using tun = openDevice(device);
  using socket = openSocket(bind, port);
  const ifindex = indexOfInterface(device) as number;
  const counters = zeroCounters();
  const tell = (type: string, more: object) =>
    world.emit({ time: new Date().toISOString(), type, ...more });

  const broken = new AbortController();
  const signal = AbortSignal.any([world.signal, broken.signal]);
  // Watched before they are read: what changes in between is read again.
  const changes = watchRoutes(signal);
  let changed = changes.next();
  let table = readTable(ifindex);
  const fail = (error: unknown) => broken.abort(error);
  using _running = carry({ tun, socket, counters, peers: () => table.peers, fail });
  using _telling = tellOfDrops(counters, (counted) => tell('dropped', { counters: counted }));
  tell('ready', { interface: device, address: formatIpv4(bind), port, peers: table.count });
  while (!(await changed).done && indexOfInterface(device) === ifindex) {
    changed = changes.next();
    const { count } = table;
    const started = performance.now();
    table = readTable(ifindex);
    if (table.count !== count) tell('peers', { peers: table.count });
    await rest((performance.now() - started) * RESTS, signal);
  }
  if (indexOfInterface(device) !== ifindex) {
    broken.abort();
    throw deviceGone(device);
  }
  if (broken.signal.aborted) throw broken.signal.reason;
  tell('stopped', { counters: countedOf(counters) });
}

/** Waits, but not beyond the signal. */
async function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, null, { signal }).catch(() => {});
}

interface Carrying {
  readonly tun: Tun;
  readonly socket: DatagramSocket;
  readonly counters: Counters;
  peers(): PeerTable;
  /** Is told what ends it. */
  fail(error: unknown): void;
}

/** Carries packets whenever there are some, until disposed. */
function carry({ tun, socket, counters, peers, fail }: Carrying): Disposable {
  const memory = allocate(UPLINK_BYTES);
  const lost = (datagrams: number) => {
    counters.sent_packets -= datagrams;
    counters.drop_send += datagrams;
  };
  const outbox = outboxOf({ memory, batch: socket.outgoing, failed: lost });
  const goUp = uplinkOf({ tun, memory, outbox, counters, peers });
  const goDown = downlinkOf({ tun, batch: socket.incoming, counters, peers });
  const turn = () => {
    const until = performance.now() + TURN_MS;
    for (;;) {
      const hasSent = goUp();
      const hasReceived = goDown();
      if ((!hasSent && !hasReceived) || performance.now() > until) return;
    }
  };
  const both = [tun.fd, socket.fd].map((fd) => whenReadable(fd, turn, fail));
  return {
    [Symbol.dispose]() {
      for (const one of both) one[Symbol.dispose]();
    },
  };
}

/** The peers, and what else belongs to the network, as the kernel has them: routes with a gateway, and without. */
function readTable(ifindex: number): { peers: PeerTable; count: number } {
  const routes = readRouteRecords(ROUTE_PROTOCOL).filter(
    ({ index, isUnicast }) => index === ifindex && isUnicast,
  );
  const peers = routes.flatMap(({ destination, length, gateway }) =>
    gateway === null ? [] : [{ subnet: prefixOf(destination, length), publicIp: gateway }],
  );
  const network = routes
    .filter(({ gateway }) => gateway === null)
    .map(({ destination, length }) => prefixOf(destination, length));
  return { peers: peerTableOf(peers, network), count: peers.length };
}

function tellOfDrops(counters: Counters, tell: (counted: object) => void): Disposable {
  let told = 0;
  const timer = setInterval(() => {
    const dropped = droppedOf(counters);
    if (dropped === told) return;
    told = dropped;
    tell(countedOf(counters));
  }, TELL_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
