/** That links, addresses or routes have changed, and nothing more: an alarm (rtnetlink(7)). */
import { createAlarm } from './alarm.ts';
import { openNewsSocket } from './news_socket.ts';
import { whenReadable } from './readable.ts';
import { NETLINK_ROUTE } from './socket.ts';

/** <linux/rtnetlink.h> */
export const RTNLGRP_LINK = 1;
export const RTNLGRP_IPV4_IFADDR = 5;
export const RTNLGRP_IPV4_ROUTE = 7;

/**
 * Yields whenever links, IPv4 addresses or routes of this network namespace changed, once for all that changed since it
 * was last asked. Ends when the signal aborts.
 */
export async function* watchRoutes(signal: AbortSignal): AsyncGenerator<void> {
  if (signal.aborted) return;
  // What the messages say is not looked at: whoever hears of them reads the state. So those that are lost are no loss,
  // as others before them are still to be read.
  const groups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE];
  const socket = openNewsSocket(NETLINK_ROUTE, groups);
  const alarm = createAlarm(signal);
  const ring = () => {
    socket.receive(() => {});
    alarm.ring();
  };
  const reading = whenReadable(socket.fd, ring, alarm.fail);
  try {
    while (await alarm.rung()) yield;
  } finally {
    alarm[Symbol.dispose]();
    reading[Symbol.dispose]();
    socket.close();
  }
}
