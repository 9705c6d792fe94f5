/** News of this network namespace, from all that can tell: rtnetlink, nftables, and a look at the pins. */
import { setTimeout as pause } from 'node:timers/promises';
import { markPins } from '../bpf/pin_marks.ts';
import { type Pins, pinsOf } from '../bpf/pins.ts';
import { messageOf } from '../errors.ts';
import { createAlarm } from '../sys/alarm.ts';
import { SystemError } from '../sys/libc.ts';
import { RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_LINK } from '../sys/netlink.ts';
import {
  messagesOf,
  type NewsMessage,
  type NewsSocket,
  openNewsSocket,
} from '../sys/news_socket.ts';
import { type Rests, whenReadable } from '../sys/readable.ts';
import { dumpLinks, RTM_NEWLINK } from '../sys/rtnetlink/links.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE } from '../sys/socket.ts';
import type { HostChange, HostNewsOptions, WatchHost } from './contract.ts';
import { readFilterNews } from './filter_news.ts';
import { unfinishedName } from './links.ts';
import { createKnownDevices, type KnownDevices } from './news.ts';

/** <linux/rtnetlink.h>; the last tells of VNI filters, since Linux 5.18. */
const RTNLGRP_NEIGH = 3;
const RTNLGRP_TC = 4;
const RTNLGRP_TUNNEL = 35;
/** <linux/netfilter/nfnetlink.h> */
const NFNLGRP_NFTABLES = 7;

/** One change is told of in several messages, and many things are changed in several steps. */
const SETTLING_MS = 50;

/**
 * A thousand interfaces that come one by one shall not wake the process for each of their messages. The longest rest and
 * the pace of looks together stay within the 2 s in which the host is back in step.
 */
const READING_RESTS: Rests = { leastMs: 50, mostMs: 400, muchIs: 64 };

/** bpffs tells nobody, and a link that is detached neither. */
const PINS_INTERVAL_MS = 1000;

export interface MonitorSite {
  readonly network: string;
  readonly bpffs: string;
  readonly signal: AbortSignal;
}

/** News of the network namespace that it is called in, until the signal aborts. */
export function hostMonitor({ network, bpffs, signal }: MonitorSite): WatchHost {
  return async function* watchHost(options) {
    if (signal.aborted) return;
    const alarm = createAlarm(signal);
    const tell = (change: HostChange) => {
      if (options.concerns(change)) alarm.ring();
    };
    using sources = new DisposableStack();
    sources.use(alarm);
    sources.use(listenToRoutes(options, tell, alarm.fail));
    sources.use(listenToFilters(unfinishedName(network), tell, alarm.fail));
    sources.use(lookAtPins(pinsOf(bpffs, network), tell));
    tell({ of: 'anything' }); // What happened before this listened.
    while (await alarm.rung()) {
      await pause(SETTLING_MS, undefined, { signal }).catch(() => {});
      // All that came meanwhile is of the same moment.
      alarm.ring();
      if (await alarm.rung()) yield;
    }
  };
}

type Tell = (change: HostChange) => void;
type Fail = (error: unknown) => void;

function listenToRoutes({ neighbors }: HostNewsOptions, tell: Tell, fail: Fail): Disposable {
  const groups = [RTNLGRP_LINK, RTNLGRP_TC, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE];
  const socket = openNewsSocket(NETLINK_ROUTE, neighbors ? [...groups, RTNLGRP_NEIGH] : groups);
  socket.joinIfKnown(RTNLGRP_TUNNEL);
  const devices = createKnownDevices();
  learnAll(devices);
  return listen(socket, fail, {
    message: (message) => {
      const change = devices.read(message);
      if (change !== null) tell(change);
    },
    lost: () => {
      learnAll(devices);
      tell({ of: 'anything' });
    },
  });
}

/** Since the socket listens, so that nothing is missed in between. */
function learnAll(devices: KnownDevices): void {
  const links = dumpLinks();
  devices.forget();
  for (const body of links) devices.learn({ type: RTM_NEWLINK, body });
}

/** A kernel without nftables has none of our tables, and tells nothing. */
function listenToFilters(table: string, tell: Tell, fail: Fail): Disposable {
  const socket = unlessMissing(() => openNewsSocket(NETLINK_NETFILTER, [NFNLGRP_NFTABLES]));
  if (socket === null) return { [Symbol.dispose]() {} };
  return listen(socket, fail, {
    message: (message) => {
      const change = readFilterNews(message, table);
      if (change !== null) tell(change);
    },
    lost: () => tell({ of: 'anything' }),
  });
}

function unlessMissing<T>(open: () => T): T | null {
  try {
    return open();
  } catch (error) {
    const missing = ['EPROTONOSUPPORT', 'EPERM', 'ENOENT', 'EINVAL'];
    if (error instanceof SystemError && missing.includes(error.errno)) return null;
    throw error;
  }
}

interface Listener {
  message(message: NewsMessage): void;
  /** Messages found no room. */
  lost(): void;
}

function listen(socket: NewsSocket, fail: Fail, listener: Listener): Disposable {
  const receive = () => {
    let read = 0;
    const hasLost = socket.receive((datagram) => {
      read += 1;
      for (const message of messagesOf(datagram)) listener.message(message);
    });
    if (hasLost) listener.lost();
    return read;
  };
  const reading = whenReadable(socket.fd, receive, fail, READING_RESTS);
  return {
    [Symbol.dispose]() {
      reading[Symbol.dispose]();
      socket.close();
    },
  };
}

function lookAtPins(pins: Pins, tell: Tell): Disposable {
  const look = () => {
    try {
      return markPins(pins);
    } catch (error) {
      return messageOf(error);
    }
  };
  let known = look();
  const timer = setInterval(() => {
    const now = look();
    if (now === known) return;
    known = now;
    tell({ of: 'pins' });
  }, PINS_INTERVAL_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
