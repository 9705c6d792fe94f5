/** Tells whoever started this process how it is: systemd's protocol, sd_notify(3). Node has no Unix datagrams. */
import { checked, close, libc, SystemError } from './libc.ts';
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, socket } from './socket.ts';

/** No SIGPIPE: <asm/socket.h>. */
const MSG_NOSIGNAL = 0x4000;
/** Of sun_path in struct sockaddr_un, <linux/un.h>. */
const MOST_PATH_BYTES = 108;

const sendto = libc.func('long sendto(int, void *, size_t, int, void *, uint32_t)') as (
  fd: number,
  buffer: Buffer,
  size: number,
  flags: number,
  address: Buffer,
  addressSize: number,
) => number;

export type Variables = Readonly<Record<string, string | undefined>>;

export interface ServiceManager {
  /**
   * @param state lines of sd_notify(3), such as `READY=1`
   * @throws SystemError if nobody hears it
   */
  notify(state: string): void;
  /** It ends the process that says nothing for so long; null: it does not. */
  readonly watchdogMs: number | null;
}

/**
 * The service manager that the variables name; null: none.
 * @param variables `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`
 * @param pid of this process: the watchdog may be meant for another one
 */
export function serviceManagerOf(variables: Variables, pid: number): ServiceManager | null {
  const path = variables.NOTIFY_SOCKET;
  if (!path) return null;
  const { WATCHDOG_USEC: usec = '', WATCHDOG_PID: watched } = variables;
  const isWatched = /^[1-9]\d*$/.test(usec) && (!watched || Number(watched) === pid);
  return {
    notify: (state) => send(addressOf(path), Buffer.from(state)),
    watchdogMs: isWatched ? Number(usec) / 1000 : null,
  };
}

/** struct sockaddr_un; `@` at the beginning stands for the zero byte of an abstract socket. */
function addressOf(path: string): Buffer {
  const name = Buffer.from(path.replace(/^@/, '\0'));
  if ((path[0] !== '/' && path[0] !== '@') || name.length >= MOST_PATH_BYTES) {
    throw new SystemError(`NOTIFY_SOCKET=${path}`, 22);
  }
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}

function send(address: Buffer, state: Buffer): void {
  const fd = checked('socket', socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  try {
    const sent = sendto(fd, state, state.length, MSG_NOSIGNAL, address, address.length);
    checked('sendto NOTIFY_SOCKET', sent);
  } finally {
    close(fd);
  }
}
