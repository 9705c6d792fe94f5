/** News of links, addresses and routes: a NETLINK_ROUTE socket on its multicast groups (rtnetlink(7)). */
import { checked, close, koffi, SystemError } from './libc.ts';
import {
  AF_NETLINK,
  bind,
  NETLINK_ROUTE,
  recv,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  setsockopt,
  socket,
} from './socket.ts';

/** <linux/socket.h>, <linux/netlink.h> */
const SOL_NETLINK = 270;
const NETLINK_NO_ENOBUFS = 5;

/** <linux/rtnetlink.h> */
const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV4_ROUTE = 0x40;

/** `struct sockaddr_nl`: family, padding, port (the kernel chooses), groups. */
function netlinkAddress(groups: number): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  return address;
}

function openSocket(): number {
  const fd = checked(
    'socket',
    socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE),
  );
  const address = netlinkAddress(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE);
  const yes = Buffer.alloc(4);
  yes.writeInt32LE(1);
  try {
    // Messages that find no room are lost without a word: those before them are still to be read, which is word enough.
    // With the error, the event loop would take the socket for a broken one, and never look at it again.
    checked('setsockopt', setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, yes, yes.length));
    checked('bind', bind(fd, address, address.length));
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

/** Reads until the socket is empty. What the messages say is not looked at: whoever hears of them reads the state. */
function drain(fd: number, buffer: Buffer): void {
  for (;;) {
    if (recv(fd, buffer, buffer.length, 0) >= 0) continue;
    const error = new SystemError('recv', koffi.errno());
    if (error.errno === 'EAGAIN' || error.errno === 'EWOULDBLOCK') return;
    if (error.errno !== 'EINTR') throw error;
  }
}

/**
 * Yields whenever links, IPv4 addresses or routes of this network namespace changed, once for all that changed since it
 * was last asked. Ends when the signal aborts.
 */
export async function* watchRoutes(signal: AbortSignal): AsyncGenerator<void> {
  if (signal.aborted) return;
  const fd = openSocket();
  const buffer = Buffer.alloc(64 * 1024);
  let changed = false;
  let wake = () => {};
  const poll = koffi.node.poll(fd, { readable: true }, () => {
    drain(fd, buffer);
    changed = true;
    wake();
  });
  const stop = () => wake();
  signal.addEventListener('abort', stop);
  try {
    while (!signal.aborted) {
      if (!changed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      changed = false;
      yield;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    poll.close();
    close(fd);
  }
}
