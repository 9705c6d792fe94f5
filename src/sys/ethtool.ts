/** Offloads of an interface: ioctl(2) with SIOCETHTOOL, the older commands of <linux/ethtool.h>, which need no names. */
import { addressOf, checked, close, libc } from './libc.ts';
import { SOCK_CLOEXEC, SOCK_DGRAM, socket } from './socket.ts';

const ioctl = libc.func('int ioctl(int, unsigned long, void *)') as (
  fd: number,
  request: number,
  argument: Buffer,
) => number;

/** <linux/sockios.h> */
const SIOCETHTOOL = 0x8946;
const AF_INET = 2;
/** `struct ifreq`, <net/if.h>: 16 characters of name, then a pointer. */
const IFREQ_SIZE = 40;
const NAME_SIZE = 16;

/** ETHTOOL_G… and ETHTOOL_S… of each. */
const COMMANDS = {
  'tx-checksums': { get: 0x16, set: 0x17 },
  'tcp-segmentation': { get: 0x1e, set: 0x1f },
  gro: { get: 0x2b, set: 0x2c },
} as const;

export type Offload = keyof typeof COMMANDS;

/** @throws SystemError `ENODEV` if there is no such interface */
export function hasOffload(device: string, offload: Offload): boolean {
  return call(device, offload, 'get', 0) !== 0;
}

/** @throws SystemError */
export function setOffload(device: string, offload: Offload, isOn: boolean): void {
  call(device, offload, 'set', isOn ? 1 : 0);
}

function call(device: string, offload: Offload, way: 'get' | 'set', value: number): number {
  // `struct ethtool_value`
  const argument = Buffer.alloc(8);
  argument.writeUInt32LE(COMMANDS[offload][way], 0);
  argument.writeUInt32LE(value, 4);
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(device.slice(0, NAME_SIZE - 1), 'latin1');
  request.writeBigUInt64LE(addressOf(argument), NAME_SIZE);
  const fd = checked('socket', socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    checked(`ethtool ${way} ${offload} of ${device}`, ioctl(fd, SIOCETHTOOL, request));
    return argument.readUInt32LE(4);
  } finally {
    close(fd);
  }
}
