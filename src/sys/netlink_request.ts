/** Requests to the kernel over netlink(7), answered at once: one message out, its answers in. Little-endian. */
import { checked, close, koffi, SystemError } from './libc.ts';
import { AF_NETLINK, NETLINK_ROUTE, recv, SOCK_CLOEXEC, SOCK_RAW, send, socket } from './socket.ts';

/** <linux/netlink.h> */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const HEADER_SIZE = 16;
const ATTRIBUTE_HEADER_SIZE = 4;
const NLA_TYPE_MASK = 0x3fff;

export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_DUMP = 0x300;

/** The kernel writes as much of a dump at once as fits. */
const ANSWER_BYTES = 64 * 1024;

export interface Request {
  /** `NETLINK_…`; rtnetlink(7) if it is left out. */
  readonly protocol?: number;
  /** `RTM_…` of <linux/rtnetlink.h>, or a generic family's number. */
  readonly type: number;
  /** `NLM_F_…` beside `NLM_F_REQUEST`. */
  readonly flags: number;
  /** The family's own header and the attributes. */
  readonly body: Buffer;
}

/**
 * Sends a request, and waits for its acknowledgement or the end of the dump.
 * @param what for the error: `tc filter`
 * @returns the bodies of the messages that came
 * @throws SystemError with what the kernel says
 */
export function request(
  what: string,
  { protocol = NETLINK_ROUTE, type, flags, body }: Request,
): Buffer[] {
  const fd = checked('socket', socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  try {
    const header = Buffer.alloc(HEADER_SIZE);
    header.writeUInt32LE(HEADER_SIZE + body.length, 0);
    header.writeUInt16LE(type, 4);
    header.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK | flags, 6);
    const message = Buffer.concat([header, body]);
    checked('send', send(fd, message, message.length, 0));
    return readAnswers(what, fd);
  } finally {
    close(fd);
  }
}

function readAnswers(what: string, fd: number): Buffer[] {
  const answers: Buffer[] = [];
  const buffer = Buffer.alloc(ANSWER_BYTES);
  for (;;) {
    const length = recv(fd, buffer, buffer.length, 0);
    if (length < 0) {
      const error = new SystemError('recv', koffi.errno());
      if (error.errno === 'EINTR') continue;
      throw error;
    }
    for (let at = 0; at + HEADER_SIZE <= length; ) {
      const size = buffer.readUInt32LE(at);
      const type = buffer.readUInt16LE(at + 4);
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        const status = size > HEADER_SIZE ? buffer.readInt32LE(at + HEADER_SIZE) : 0;
        if (status < 0) throw new SystemError(what, -status);
        return answers;
      }
      answers.push(Buffer.from(buffer.subarray(at + HEADER_SIZE, at + size)));
      at += align(size);
    }
  }
}

/** One attribute (`struct nlattr`), padded; a value that is a list is nested. */
export function attribute(type: number, value: Buffer | readonly Buffer[]): Buffer {
  const content = Buffer.isBuffer(value) ? value : Buffer.concat(value);
  const size = ATTRIBUTE_HEADER_SIZE + content.length;
  const encoded = Buffer.alloc(align(size));
  encoded.writeUInt16LE(size, 0);
  encoded.writeUInt16LE(type, 2);
  content.copy(encoded, ATTRIBUTE_HEADER_SIZE);
  return encoded;
}

/** One attribute's value, without a look at the others: for who reads thousands of messages a second. */
export function attributeOf(buffer: Buffer, wanted: number): Buffer | undefined {
  for (let at = 0; at + ATTRIBUTE_HEADER_SIZE <= buffer.length; ) {
    const size = buffer.readUInt16LE(at);
    if (size < ATTRIBUTE_HEADER_SIZE) return undefined;
    if ((buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK) === wanted) {
      return buffer.subarray(at + ATTRIBUTE_HEADER_SIZE, at + size);
    }
    at += align(size);
  }
  return undefined;
}

/** The attributes in a buffer, by type. */
export function attributesOf(buffer: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + ATTRIBUTE_HEADER_SIZE <= buffer.length; ) {
    const size = buffer.readUInt16LE(at);
    if (size < ATTRIBUTE_HEADER_SIZE) break;
    const type = buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK;
    found.set(type, buffer.subarray(at + ATTRIBUTE_HEADER_SIZE, at + size));
    at += align(size);
  }
  return found;
}

export function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

/** NUL-terminated. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function align(size: number): number {
  return (size + 3) & ~3;
}
