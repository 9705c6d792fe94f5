/** The end of a service manager: what a process tells it by sd_notify(3). */
import { checked, close, isPassing } from '../../src/sys/libc.ts';
import {
  AF_UNIX,
  bind,
  recv,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  socket,
} from '../../src/sys/socket.ts';

const MOST_BYTES = 4096;

export interface ServiceSocket extends Disposable {
  /** All that it has been told so far, a message each. */
  told(): readonly string[];
}

/** @param path of a Unix socket, or with `@` in front the name of an abstract one */
export function openServiceSocket(path: string): ServiceSocket {
  const fd = checked('socket', socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const name = Buffer.from(`\u0001\0${path.replace(/^@/, '\0')}`);
  checked('bind', bind(fd, name, name.length));
  const messages: string[] = [];
  return {
    told() {
      const buffer = Buffer.alloc(MOST_BYTES);
      for (;;) {
        const bytes = recv(fd, buffer, buffer.length, 0);
        if (bytes < 0 && isPassing()) return messages;
        messages.push(buffer.toString('utf8', 0, checked('recv', bytes)));
      }
    },
    [Symbol.dispose]: () => void close(fd),
  };
}
