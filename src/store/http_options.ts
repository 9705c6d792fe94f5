import { TartanError } from '../errors.ts';
import { isIpv4 } from '../net/ipv4.ts';
import type { TlsPaths } from './tls_files.ts';

export interface HttpStoreOptions extends TlsPaths {
  /** `host:port` of a `tartan serve`, as flannel's `-remote` has it. With one of the files it is spoken to over TLS. */
  readonly remote: string;
  /** The network's name in the paths; `_`, the default, is the one that has none. */
  readonly network?: string;
}

export interface HostAndPort {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** A name of a host (RFC 1123). */
const NAME = /^(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*\.?$/;

/**
 * Reads `10.0.0.1:8889`, `store.example:8889` or `[fd00::1]:8889`.
 * @throws TartanError `USAGE`
 */
export function parseRemote(text: string): HostAndPort {
  if (text.includes('@')) throw wrongRemote('a login is no part of it');
  const [, bracketed, plain = '', digits = ''] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === '' || port < 1 || port > 65_535) {
    throw wrongRemote(`${JSON.stringify(text)} is no host with a port`);
  }
  const looksLikeAddress = /^[0-9.]+$/.test(host);
  if (bracketed === undefined && !(looksLikeAddress ? isIpv4(host) : NAME.test(host))) {
    throw wrongRemote(`${JSON.stringify(host)} is neither an address nor a name`);
  }
  return { host, port };
}

function wrongRemote(problem: string): TartanError {
  return new TartanError(
    'USAGE',
    `--remote: ${problem}`,
    'Give host and port of a `tartan serve`, such as 10.0.0.1:8889; TLS comes with --remote-cafile.',
  );
}
