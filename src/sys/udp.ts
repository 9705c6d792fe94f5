/**
 * Datagrams by bare system calls, many in one call: Node's own sockets take five times as long for each. Everything here
 * blocks the process, at most for a socket's time limit.
 */
import { addressOf, checked, close, koffi, libc, SystemError } from './libc.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const MSG_WAITFORONE = 0x10000;

/** `sizeof` of `struct sockaddr_in`, `struct iovec` and `struct mmsghdr`, and where in it the two fields lie. */
const ADDRESS_SIZE = 16;
const VECTOR_SIZE = 16;
const MESSAGE_SIZE = 64;
const MESSAGE_VECTORS = 16;
const MESSAGE_VECTOR_COUNT = 24;

/** Datagrams in one call. */
const BATCH = 64;

/** More than the kernel allows is cut to what it allows (net.core.rmem_max). */
const RECEIVE_BUFFER_BYTES = 16 << 20;

const calls = {
  socket: libc.func('int socket(int, int, int)') as (a: number, b: number, c: number) => number,
  bind: libc.func('int bind(int, void *, uint32_t)') as AddressCall,
  connect: libc.func('int connect(int, void *, uint32_t)') as AddressCall,
  getsockname: libc.func('int getsockname(int, void *, void *)') as (
    fd: number,
    address: Buffer,
    size: Buffer,
  ) => number,
  setsockopt: libc.func('int setsockopt(int, int, int, void *, uint32_t)') as (
    fd: number,
    level: number,
    name: number,
    value: Buffer,
    size: number,
  ) => number,
  send: libc.func('long send(int, void *, size_t, int)') as DataCall,
  recv: libc.func('long recv(int, void *, size_t, int)') as DataCall,
  sendmmsg: libc.func('int sendmmsg(int, void *, uint32_t, int)') as DataCall,
  recvmmsg: libc.func('int recvmmsg(int, void *, uint32_t, int, void *)') as (
    fd: number,
    messages: Buffer,
    count: number,
    flags: number,
    limit: null,
  ) => number,
};

type AddressCall = (fd: number, address: Buffer, size: number) => number;
type DataCall = (fd: number, data: Buffer, size: number, flags: number) => number;

/** An IPv4 address and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A socket that speaks with one other end. */
export interface UdpSocket extends Disposable {
  readonly port: number;
  /** From now on: sends there, and hears nobody else. */
  connect(to: Endpoint): void;
  /** False: it could not be sent now. */
  send(data: Buffer): boolean;
  /** How many bytes came; null: none within the time limit. */
  receive(into: Buffer): number | null;
  /** Sends up to 64 datagrams of zeros of `bytes` bytes; returns how many went out. */
  sendMany(bytes: number): number;
  /** Takes what is there, up to 64 datagrams, and waits for the first; 0: none within the time limit. */
  receiveMany(): number;
}

export interface UdpOptions {
  /** The local end; port 0 for any. */
  readonly bind: Endpoint;
  /** How long a call waits for a datagram. */
  readonly limitMilliseconds: number;
}

/** @throws SystemError EADDRINUSE, EADDRNOTAVAIL, EACCES */
export function openUdp({ bind, limitMilliseconds }: UdpOptions): UdpSocket {
  const fd = checked('socket', calls.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    const size = Buffer.alloc(4);
    size.writeInt32LE(RECEIVE_BUFFER_BYTES);
    checked('setsockopt', calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, size.length));
    const limit = Buffer.alloc(16);
    limit.writeBigInt64LE(BigInt(Math.floor(limitMilliseconds / 1000)), 0);
    limit.writeBigInt64LE(BigInt((limitMilliseconds % 1000) * 1000), 8);
    checked('setsockopt', calls.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, limit, limit.length));
    checked('bind', calls.bind(fd, socketAddress(bind), ADDRESS_SIZE));
    return socketOf(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

function socketOf(fd: number): UdpSocket {
  const outgoing = batchOf(1472);
  const incoming = batchOf(2048);
  return {
    port: localPort(fd),
    connect: (to) => void checked('connect', calls.connect(fd, socketAddress(to), ADDRESS_SIZE)),
    send: (data) => delivered('send', calls.send(fd, data, data.length, 0)) !== null,
    receive: (into) => delivered('recv', calls.recv(fd, into, into.length, 0)),
    sendMany(bytes) {
      outgoing.setLength(bytes);
      return delivered('sendmmsg', calls.sendmmsg(fd, outgoing.messages, BATCH, 0)) ?? 0;
    },
    receiveMany() {
      const { messages } = incoming;
      return delivered('recvmmsg', calls.recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, null)) ?? 0;
    },
    [Symbol.dispose]: () => void close(fd),
  };
}

/** What is no failure: nothing there yet, no room yet, a signal, or an ICMP error that an earlier datagram met. */
const PASSING: ReadonlySet<string> = new Set([
  ...['EAGAIN', 'EWOULDBLOCK', 'ENOBUFS', 'EINTR', 'ECONNREFUSED'],
]);

function delivered(call: string, result: number): number | null {
  if (result >= 0) return result;
  const error = new SystemError(call, koffi.errno());
  if (PASSING.has(error.errno)) return null;
  throw error;
}

/** `struct sockaddr_in`. */
function socketAddress({ address, port }: Endpoint): Buffer {
  const buffer = Buffer.alloc(ADDRESS_SIZE);
  buffer.writeUInt16LE(AF_INET, 0);
  buffer.writeUInt16BE(port, 2);
  for (const [at, byte] of address.split('.').entries()) buffer.writeUInt8(Number(byte), 4 + at);
  return buffer;
}

function localPort(fd: number): number {
  const address = Buffer.alloc(ADDRESS_SIZE);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(ADDRESS_SIZE);
  checked('getsockname', calls.getsockname(fd, address, size));
  return address.readUInt16BE(2);
}

/** `struct mmsghdr[64]`, each with one buffer of its own. */
function batchOf(bufferBytes: number) {
  const data = Buffer.alloc(BATCH * bufferBytes);
  const vectors = Buffer.alloc(BATCH * VECTOR_SIZE);
  const messages = Buffer.alloc(BATCH * MESSAGE_SIZE);
  const setLength = (bytes: number) => {
    for (let i = 0; i < BATCH; i++) vectors.writeBigUInt64LE(BigInt(bytes), i * VECTOR_SIZE + 8);
  };
  for (let i = 0; i < BATCH; i++) {
    vectors.writeBigUInt64LE(addressOf(data) + BigInt(i * bufferBytes), i * VECTOR_SIZE);
    const vector = addressOf(vectors) + BigInt(i * VECTOR_SIZE);
    messages.writeBigUInt64LE(vector, i * MESSAGE_SIZE + MESSAGE_VECTORS);
    messages.writeBigUInt64LE(1n, i * MESSAGE_SIZE + MESSAGE_VECTOR_COUNT);
  }
  setLength(bufferBytes);
  // Held by what is returned: the kernel is given their bare addresses.
  return { data, vectors, messages, setLength };
}
