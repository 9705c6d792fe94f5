/** Opens both sides of the relay, and says what is wrong if it cannot. */
import { messageOf, TartanError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { type DatagramSocket, openDatagramSocket } from '../sys/datagrams.ts';
import { SystemError } from '../sys/libc.ts';
import { openTun, type Tun } from '../sys/tun.ts';

/** @throws TartanError `INTERFACE`, `DEVICE_FOREIGN`, `BUSY`, `MISSING`, `PERMISSION`, `KERNEL` */
export function openDevice(device: string): Tun {
  try {
    return openTun(device);
  } catch (error) {
    throw deviceError(device, error);
  }
}

/** The error of a device that is not there, or not any more. */
export function deviceGone(device: string): TartanError {
  return new TartanError(
    'INTERFACE',
    `there is no TUN ${device} in this network namespace`,
    'Name the right one with --device; docs/commands.md says what the relay needs of it.',
  );
}

function deviceError(device: string, cause: unknown): TartanError {
  switch (errnoOf(cause)) {
    case 'ENODEV':
      return deviceGone(device);
    case 'EINVAL':
      return new TartanError(
        'DEVICE_FOREIGN',
        `${device} is not a TUN device`,
        'Name the right one with --device; docs/commands.md says what the relay needs of it.',
        { cause },
      );
    case 'EBUSY':
      return new TartanError(
        'BUSY',
        `another process has the TUN ${device}: a relay is running`,
        'Stop that one first; a device has one relay.',
        { cause },
      );
    case 'ENOENT':
      return new TartanError(
        'MISSING',
        'there is no /dev/net/tun: this kernel has no TUN devices, or the container is not given them',
        'Load the module tun, or give the container the device /dev/net/tun.',
        { cause },
      );
    case 'EPERM':
    case 'EACCES':
      return notAllowed(`open the TUN ${device}`, cause);
    default:
      return refused(cause);
  }
}

/**
 * @param bind own IPv4 address as a number; 0 for any
 * @throws TartanError `BUSY`, `INTERFACE`, `PERMISSION`, `KERNEL`
 */
export function openSocket(bind: number, port: number): DatagramSocket {
  try {
    return openDatagramSocket(bind, port);
  } catch (error) {
    throw socketError(bind, port, error);
  }
}

function socketError(bind: number, port: number, cause: unknown): TartanError {
  switch (errnoOf(cause)) {
    case 'EADDRINUSE':
      return new TartanError(
        'BUSY',
        `UDP port ${port} is taken`,
        'flanneld or another relay may be running: stop it, or give all hosts another port.',
        { cause },
      );
    case 'EADDRNOTAVAIL':
      return new TartanError(
        'INTERFACE',
        `${formatIpv4(bind)} is not an address of this host`,
        'Give one of its own with --bind, or leave it out.',
        { cause },
      );
    case 'EPERM':
    case 'EACCES':
      return notAllowed(`listen on UDP port ${port}`, cause);
    default:
      return refused(cause);
  }
}

function errnoOf(error: unknown): string {
  return error instanceof SystemError ? error.errno : '';
}

function notAllowed(what: string, cause: unknown): TartanError {
  return new TartanError(
    'PERMISSION',
    `no right to ${what}`,
    'Run it as root (with sudo), or give the process CAP_NET_ADMIN.',
    { cause },
  );
}

function refused(cause: unknown): TartanError {
  const hint = 'The kernel refused what it allows elsewhere: see its log (dmesg).';
  return new TartanError('KERNEL', messageOf(cause), hint, { cause });
}
