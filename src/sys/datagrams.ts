/** A socket that speaks with many others at once, many datagrams in one call; nothing here waits for more than 5 ms. */
import { checked, close } from './libc.ts';
import { ADDRESS_BYTES, AF_INET, SOL_UDP, UDP_GRO } from './message_layout.ts';
import { type ReceiveBatch, receiveBatchOf } from './receive_batch.ts';
import { type SendBatch, sendBatchOf } from './send_batch.ts';
import { bind, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, setsockopt, socket } from './socket.ts';

/** Socket options: <asm/socket.h>, <linux/in.h>. */
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_DONT = 0;

/** A burst that comes while the process does something else. */
const SOCKET_BUFFER_BYTES = 8 << 20;

export interface DatagramSocket extends Disposable {
  readonly fd: number;
  readonly outgoing: SendBatch;
  readonly incoming: ReceiveBatch;
}

/**
 * @param address the local end as a number; 0 for any
 * @param port local, and of all other ends
 * @throws SystemError EADDRINUSE, EADDRNOTAVAIL, EACCES, EPERM
 */
export function openDatagramSocket(address: number, port: number): DatagramSocket {
  const fd = checked('socket', socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  try {
    const set = (name: string, level: number, option: number, value: number) =>
      checked(`setsockopt(${name})`, setsockopt(fd, level, option, numberOf(value), 4));
    set('SO_SNDBUFFORCE', SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_BYTES);
    set('SO_RCVBUFFORCE', SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES);
    // Fragmented on a smaller hop rather than lost there.
    set('IP_MTU_DISCOVER', IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
    // Before Linux 5.0 there is none, and each datagram comes by itself.
    setsockopt(fd, SOL_UDP, UDP_GRO, numberOf(1), 4);
    const here = Buffer.alloc(ADDRESS_BYTES);
    here.writeUInt16LE(AF_INET, 0);
    here.writeUInt16BE(port, 2);
    here.writeUInt32BE(address, 4);
    checked('bind', bind(fd, here, here.length));
    return {
      fd,
      outgoing: sendBatchOf(fd, port),
      incoming: receiveBatchOf(fd),
      [Symbol.dispose]: () => void close(fd),
    };
  } catch (error) {
    close(fd);
    throw error;
  }
}

function numberOf(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}
