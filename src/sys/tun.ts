/**
 * TUN devices, which hand the kernel's packets to a process and take its packets: Documentation/networking/tuntap.rst
 * and <linux/if_tun.h> of the kernel. Packets are read and written behind a `struct virtio_net_hdr` of 10 bytes
 * (<linux/virtio_net.h>), so that many segments of one TCP stream pass as one.
 */
import { closeSync, constants as fileConstants, openSync } from 'node:fs';
import { constants } from 'node:os';
import { indexOfInterface } from './interfaces.ts';
import { checked, isPassing, koffi, libc, SystemError } from './libc.ts';
import { allocate, type Memory, putVector, VECTOR_BYTES } from './memory.ts';

/** Opened for each device that is made. */
export const CLONE_DEVICE = '/dev/net/tun';

const TUNSETIFF = 0x4004_54ca;
const TUNSETPERSIST = 0x4004_54cb;
const TUNSETOFFLOAD = 0x4004_54d0;
const TUNGETIFF = 0x8004_54d2;

const IFF_TUN = 0x0001;
const IFF_PERSIST = 0x0800;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;

const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;

/** `struct ifreq`, <linux/if.h>: the name, and a union whose first two bytes are the flags. */
const REQUEST_BYTES = 40;
const NAME_BYTES = 16;

const ioctl = libc.func('int ioctl(int, unsigned long, void *)') as (
  fd: number,
  request: number,
  argument: Buffer,
) => number;
const ioctlNumber = libc.func('int ioctl(int, unsigned long, unsigned long)') as (
  fd: number,
  request: number,
  argument: number,
) => number;
const nativeRead = libc.func('long read(int, uintptr_t, size_t)') as (
  fd: number,
  address: number,
  size: number,
) => number;
const nativeWritev = libc.func('long writev(int, uintptr_t, int)') as (
  fd: number,
  vectors: number,
  count: number,
) => number;

/** `sizeof(struct virtio_net_hdr)`: what stands before each packet that is read or written. */
export const VNET_BYTES = 10;

/** The largest that is read at once: the header and an IPv4 packet. */
export const LARGEST_READ = VNET_BYTES + 65_535;

/**
 * Makes a TUN that stays until it is deleted (`ip link delete`), whoever opens and closes it. It has no address, is
 * down, and drops what is sent to it while nobody has it open.
 * @throws SystemError EEXIST: there is a device of that name; ENOENT: no /dev/net/tun; EPERM; EINVAL: no name that can be
 */
export function createTun(name: string): void {
  if (indexOfInterface(name) !== undefined) {
    throw new SystemError(`make the TUN ${name}`, constants.errno.EEXIST);
  }
  const fd = openClone();
  try {
    setName(fd, name);
    checked('ioctl(TUNSETPERSIST)', ioctlNumber(fd, TUNSETPERSIST, 1));
  } finally {
    closeSync(fd);
  }
}

/** A TUN that this process reads and writes; nobody else can at the same time. */
export interface Tun extends Disposable {
  readonly fd: number;
  /**
   * Reads one packet with its header to an offset; at least `LARGEST_READ` bytes are free there.
   * @returns its length with the header; 0: there is none
   * @throws SystemError EBADFD: the device is gone
   */
  read(into: Memory, offset: number): number;
  /** Takes one more piece of what is to be written. */
  gather(from: Memory, offset: number, length: number): void;
  /** Writes the pieces as one packet; false: the kernel does not take it. */
  write(): boolean;
}

/**
 * Opens a TUN that exists.
 * @throws SystemError ENODEV: there is no such device, or it is not meant to stay; EINVAL: it is no TUN; EBUSY: another
 *   process has it; EPERM
 */
export function openTun(name: string): Tun {
  if (indexOfInterface(name) === undefined) {
    throw new SystemError(`open the TUN ${name}`, constants.errno.ENODEV);
  }
  const fd = openClone();
  try {
    setName(fd, name);
    // One that vanished since the look has just been made anew, and goes when it is closed.
    if ((flagsOf(fd) & IFF_PERSIST) === 0) {
      throw new SystemError(`open the TUN ${name}`, constants.errno.ENODEV);
    }
    checked('ioctl(TUNSETOFFLOAD)', ioctlNumber(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4));
    return tunOf(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openClone(): number {
  try {
    return openSync(CLONE_DEVICE, fileConstants.O_RDWR | fileConstants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code as keyof typeof constants.errno;
    throw new SystemError(`open ${CLONE_DEVICE}`, constants.errno[code]);
  }
}

function setName(fd: number, name: string): void {
  const request = Buffer.alloc(REQUEST_BYTES);
  if (Buffer.byteLength(name) >= NAME_BYTES) {
    throw new SystemError(`ioctl(TUNSETIFF) ${name}`, constants.errno.EINVAL);
  }
  request.write(name);
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, NAME_BYTES);
  checked(`ioctl(TUNSETIFF) ${name}`, ioctl(fd, TUNSETIFF, request));
}

function flagsOf(fd: number): number {
  const request = Buffer.alloc(REQUEST_BYTES);
  checked('ioctl(TUNGETIFF)', ioctl(fd, TUNGETIFF, request));
  return request.readUInt16LE(NAME_BYTES);
}

/** `UIO_MAXIOV`. */
const MOST_PIECES = 1024;

function tunOf(fd: number): Tun {
  const vectors = allocate(MOST_PIECES * VECTOR_BYTES);
  let pieces = 0;
  return {
    fd,
    read(into, offset) {
      const length = nativeRead(fd, into.address + offset, LARGEST_READ);
      if (length >= 0) return length;
      if (isPassing()) return 0;
      throw new SystemError('read from the TUN', koffi.errno());
    },
    gather(from, offset, length) {
      putVector(vectors, pieces++, from, offset, length);
    },
    write() {
      const count = pieces;
      pieces = 0;
      return nativeWritev(fd, vectors.address, count) >= 0;
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}
