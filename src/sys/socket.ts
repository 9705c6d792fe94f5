/** Sockets that Node has no name for: netlink(7), Unix datagrams. */
import { libc } from './libc.ts';

export const AF_NETLINK = 16;
export const AF_UNIX = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const NETLINK_GENERIC = 16;

/** socket(2). */
export const socket = libc.func('int socket(int, int, int)') as (
  family: number,
  type: number,
  protocol: number,
) => number;

/** setsockopt(2). */
export const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint32_t)') as (
  fd: number,
  level: number,
  name: number,
  value: Buffer,
  size: number,
) => number;

/** getsockopt(2). */
export const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)') as (
  fd: number,
  level: number,
  name: number,
  value: Buffer,
  size: Buffer,
) => number;

/** bind(2). */
export const bind = libc.func('int bind(int, void *, uint32_t)') as (
  fd: number,
  address: Buffer,
  size: number,
) => number;

/** send(2). */
export const send = libc.func('long send(int, void *, size_t, int)') as (
  fd: number,
  buffer: Buffer,
  size: number,
  flags: number,
) => number;

/** recv(2). */
export const recv = libc.func('long recv(int, void *, size_t, int)') as (
  fd: number,
  buffer: Buffer,
  size: number,
  flags: number,
) => number;
