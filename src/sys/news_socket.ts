/** Sockets on multicast groups of netlink(7): what the kernel tells everybody who listens. Little-endian. */
import { checked, close, isPassing, koffi, SystemError } from './libc.ts';
import {
  AF_NETLINK,
  bind,
  getsockopt,
  recv,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  setsockopt,
  socket,
} from './socket.ts';

/** <linux/socket.h>, <linux/netlink.h> */
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_NO_ENOBUFS = 5;

/** <asm/socket.h>, <linux/sock_diag.h> */
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_MEMINFO = 55;
const MEMINFO_WORDS = 9;
const MEMINFO_DROPS = 8;

/** Memory only while it is full. What finds no room costs whoever listens a look at everything. */
const QUEUE_BYTES = 4 << 20;

/** The largest message, as the kernel cuts them (`NLMSG_GOODSIZE` is a page, dumps are 32 KB). */
const MESSAGE_BYTES = 64 * 1024;

/** The rest of a storm is read in the event loop's next rounds. */
const MOST_AT_ONCE = 512;

/** Of the largest messages, there are as many in a queue that is full. */
const FEWEST_OF_FULL = QUEUE_BYTES / MESSAGE_BYTES;

/** `struct nlmsghdr`. */
const HEADER_BYTES = 16;

export interface NewsSocket {
  readonly fd: number;
  /** Joins one group more, if the kernel has it. */
  joinIfKnown(group: number): void;
  /**
   * Reads what has come, in part where it is much: then the descriptor stays readable. The bytes are good for the call
   * alone.
   * @returns whether messages have found no room since it was last called
   */
  receive(act: (datagram: Buffer) => void): boolean;
  close(): void;
}

/**
 * Listens to multicast groups.
 * @param protocol `NETLINK_…`
 * @param groups by number: `RTNLGRP_…`, `NFNLGRP_…`
 * @throws SystemError
 */
export function openNewsSocket(protocol: number, groups: readonly number[]): NewsSocket {
  const fd = checked(
    'socket',
    socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol),
  );
  const set = (level: number, name: number, value: number) =>
    setsockopt(fd, level, name, wordOf(value), 4);
  try {
    // With the error, the event loop would take the socket for a broken one, and never look at it again. What was lost
    // is counted all the same.
    checked('setsockopt', set(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1));
    // Without the privilege it is the kernel's default.
    set(SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES);
    // `struct sockaddr_nl`: family, padding, port (the kernel chooses), the first 32 groups.
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    checked('bind', bind(fd, address, address.length));
    for (const group of groups) {
      checked('setsockopt', set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group));
    }
  } catch (error) {
    close(fd);
    throw error;
  }
  const buffer = Buffer.alloc(MESSAGE_BYTES);
  let lost = 0;
  return {
    fd,
    joinIfKnown: (group) => void set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group),
    receive(act) {
      let read = 0;
      for (; read < MOST_AT_ONCE; read += 1) {
        const length = recv(fd, buffer, buffer.length, 0);
        if (length >= 0) act(buffer.subarray(0, length));
        else if (isPassing()) break;
        else throw new SystemError('recv', koffi.errno());
      }
      // No queue is full of so few.
      if (read < FEWEST_OF_FULL) return false;
      const before = lost;
      lost = dropsOf(fd);
      return lost !== before;
    },
    close: () => void close(fd),
  };
}

/** One of the kernel's messages in a datagram. */
export interface NewsMessage {
  /** `RTM_…` of <linux/rtnetlink.h>, or a netfilter subsystem's. */
  readonly type: number;
  /** The family's own header and the attributes. */
  readonly body: Buffer;
}

/** The messages of a datagram, of which there may be several. */
export function* messagesOf(datagram: Buffer): Generator<NewsMessage> {
  for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
    const size = datagram.readUInt32LE(at);
    if (size < HEADER_BYTES) return;
    yield {
      type: datagram.readUInt16LE(at + 4),
      body: datagram.subarray(at + HEADER_BYTES, at + size),
    };
    at += (size + 3) & ~3;
  }
}

/** `SK_MEMINFO_DROPS`: the kernel counts what it could not queue, with or without the error. */
function dropsOf(fd: number): number {
  const words = Buffer.alloc(MEMINFO_WORDS * 4);
  checked('getsockopt', getsockopt(fd, SOL_SOCKET, SO_MEMINFO, words, wordOf(words.length)));
  return words.readUInt32LE(MEMINFO_DROPS * 4);
}

function wordOf(value: number): Buffer {
  const word = Buffer.alloc(4);
  word.writeInt32LE(value);
  return word;
}
