/** Where a server listens: an address, or a socket that a service manager has opened. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, TartanError } from '../errors.ts';
import { isIpv4 } from '../net/ipv4.ts';

export type ListenPlace =
  | { readonly kind: 'address'; readonly address: string; readonly port: number }
  | { readonly kind: 'descriptor'; readonly fd: number };

/** The first descriptor of sd_listen_fds(3). */
const FIRST_DESCRIPTOR = 3;

/**
 * Reads a value of `--listen`, as flannel's: `10.0.0.1:8889`, `:8889` for every address, `[::]:8889`, `tcp://10.0.0.1:8889`,
 * `fd://` or `fd://3`. Port 0 lets the kernel choose.
 * @throws TartanError `USAGE`
 */
export function parseListen(text: string): ListenPlace {
  const [, scheme = 'tcp', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text) ?? [];
  if (scheme === 'fd') {
    const fd = rest === '' ? FIRST_DESCRIPTOR : Number(rest);
    if (/^\d{0,4}$/.test(rest) && fd >= FIRST_DESCRIPTOR) return { kind: 'descriptor', fd };
    throw wrongListen(text, 'names no descriptor that a service manager could have passed on');
  }
  if (scheme !== 'tcp') throw wrongListen(text, `is of the unknown kind ${scheme}://`);
  const [, bracketed, plain = '', digits = ''] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(rest) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) throw wrongListen(text, 'has no port from 0 to 65535');
  const address = bracketed ?? (plain === '' ? '0.0.0.0' : plain);
  if (bracketed === undefined && !isIpv4(address)) {
    throw wrongListen(text, 'has no IP address in front of its port');
  }
  return { kind: 'address', address, port };
}

function wrongListen(text: string, problem: string): TartanError {
  return new TartanError(
    'USAGE',
    `--listen ${JSON.stringify(text)} ${problem}`,
    'Give an address of this host and a port, such as 10.0.0.1:8889, or fd:// for socket activation.',
  );
}

/** A process's variables. */
type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Checks that the service manager has passed a descriptor on to this very process: sd_listen_fds(3).
 * @param variables `LISTEN_FDS` and `LISTEN_PID`
 * @throws TartanError `USAGE`
 */
export function requirePassedOn(fd: number, variables: Variables, pid: number): void {
  const { LISTEN_FDS: count = '', LISTEN_PID: owner = '' } = variables;
  const isOurs = Number(owner) === pid && /^\d+$/.test(count);
  const passed = isOurs ? Number(count) : 0;
  if (fd < FIRST_DESCRIPTOR + passed) return;
  throw new TartanError(
    'USAGE',
    `--listen fd://${fd}: no socket was passed on as descriptor ${fd} (LISTEN_FDS=${count}, LISTEN_PID=${owner})`,
    'Let a socket unit of systemd start it (units/tartan-serve.socket), or give an address and a port.',
  );
}

/**
 * @returns where it listens, with the port that the kernel has chosen
 * @throws TartanError `BUSY` if another process has the port, `USAGE` if the address is not this host's or the descriptor
 * no socket that listens
 */
export async function listen(server: Server, place: ListenPlace): Promise<AddressInfo> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => reject(cannotListen(place, error));
    server.once('error', fail);
    const done = () => {
      server.off('error', fail);
      resolve();
    };
    try {
      if (place.kind === 'descriptor') server.listen({ fd: place.fd, exclusive: true }, done);
      else server.listen({ host: place.address, port: place.port, exclusive: true }, done);
    } catch (error) {
      fail(error as Error);
    }
  });
  const address = server.address();
  if (address !== null && typeof address === 'object') return address;
  return { address: String(address ?? ''), port: 0, family: 'unix' };
}

function cannotListen(place: ListenPlace, error: NodeJS.ErrnoException): TartanError {
  const where = place.kind === 'descriptor' ? `fd://${place.fd}` : `${place.address}:${place.port}`;
  if (error.code === 'EADDRINUSE') {
    const hint = 'Give another port to --listen, or end that process.';
    return new TartanError('BUSY', `another process listens at ${where}`, hint, { cause: error });
  }
  return new TartanError(
    'USAGE',
    `cannot listen at ${where}: ${messageOf(error)}`,
    'Give an address of this host and a free port to --listen, or fd:// for a socket that systemd has opened.',
    { cause: error },
  );
}
