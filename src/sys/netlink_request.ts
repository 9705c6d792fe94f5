/** Requests to the kernel over netlink(7), answered at once: one message out, its answers in. Little-endian. */
import { checked, close, koffi, SystemError } from './libc.ts';
import {
  AF_NETLINK,
  NETLINK_ROUTE,
  recv,
  SOCK_CLOEXEC,
  SOCK_RAW,
  send,
  setsockopt,
  socket,
} from './socket.ts';

/** <linux/netlink.h> */
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const NLMSGERR_ATTR_MSG = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP_INTR = 0x10;
const HEADER_SIZE = 16;
/** Of an error: `struct nlmsgerr`, what is wrong and the header of the request. Of a dump's end: what is wrong. */
const STATUS_SIZES: Readonly<Record<number, number>> = {
  [NLMSG_ERROR]: 4 + HEADER_SIZE,
  [NLMSG_DONE]: 4,
};
const ATTRIBUTE_HEADER_SIZE = 4;
const NLA_TYPE_MASK = 0x3fff;

export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_DUMP = 0x300;

/** The kernel writes as much of a dump at once as fits. */
const ANSWER_BYTES = 64 * 1024;

/** While it is read, what a dump lists may change, and then the kernel says so. */
const MOST_DUMPS = 5;

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
export function request(what: string, { protocol = NETLINK_ROUTE, ...message }: Request): Buffer[] {
  const fd = openSocket(protocol);
  try {
    return ask(what, fd, message).bodies;
  } finally {
    close(fd);
  }
}

/**
 * Reads a list of the kernel's. It is asked to list no more than what the body's header and attributes say, which kernels
 * before 4.20 do not heed: the caller looks at what comes. Where the list changes under the reader's hands it is read
 * again; and if it never rests, the last one is taken, as each change is told of by news.
 * @param what for the error: `list routes`
 * @returns the bodies of the messages that came
 * @throws SystemError with what the kernel says
 */
export function dump(
  what: string,
  { protocol = NETLINK_ROUTE, ...message }: Omit<Request, 'flags'>,
): Buffer[] {
  const fd = openSocket(protocol);
  try {
    setOption(fd, NETLINK_GET_STRICT_CHK);
    for (let count = 1; ; count += 1) {
      const { bodies, isWhole } = ask(what, fd, { ...message, flags: NLM_F_DUMP });
      if (isWhole || count === MOST_DUMPS) return bodies;
    }
  } finally {
    close(fd);
  }
}

function openSocket(protocol: number): number {
  const fd = checked('socket', socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  // In the kernel's own words why it refuses, and not all of the request with it.
  setOption(fd, NETLINK_EXT_ACK);
  setOption(fd, NETLINK_CAP_ACK);
  return fd;
}

/** Kernels that do not know it go without. */
function setOption(fd: number, option: number): void {
  setsockopt(fd, SOL_NETLINK, option, u32(1), 4);
}

interface Answers {
  readonly bodies: Buffer[];
  /** Of a dump: nothing changed meanwhile. */
  readonly isWhole: boolean;
}

function ask(what: string, fd: number, { type, flags, body }: Omit<Request, 'protocol'>): Answers {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(HEADER_SIZE + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK | flags, 6);
  const message = Buffer.concat([header, body]);
  checked('send', send(fd, message, message.length, 0));
  return readAnswers(what, fd);
}

function readAnswers(what: string, fd: number): Answers {
  const bodies: Buffer[] = [];
  let isWhole = true;
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
      if ((buffer.readUInt16LE(at + 6) & NLM_F_DUMP_INTR) !== 0) isWhole = false;
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        const status = size > HEADER_SIZE ? buffer.readInt32LE(at + HEADER_SIZE) : 0;
        if (status < 0) {
          const said = reasonIn(type, buffer.subarray(at, at + size));
          throw new SystemError(said === undefined ? what : `${what}: ${said}`, -status);
        }
        return { bodies, isWhole };
      }
      bodies.push(Buffer.from(buffer.subarray(at + HEADER_SIZE, at + size)));
      at += align(size);
    }
  }
}

/** What an error message says beside its number. */
function reasonIn(type: number, message: Buffer): string | undefined {
  const attributes = message.subarray(HEADER_SIZE + (STATUS_SIZES[type] ?? 0));
  return textOf(attributeOf(attributes, NLMSGERR_ATTR_MSG));
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

/** A string without its NUL. */
export function textOf(value: Buffer): string;
export function textOf(value: Buffer | undefined): string | undefined;
export function textOf(value: Buffer | undefined): string | undefined {
  return value?.toString('utf8', 0, value.length - 1);
}
