import { TartanError } from '../errors.ts';
import type { TlsPaths } from './tls_files.ts';

export interface EtcdStoreOptions extends TlsPaths {
  /** `http://` or `https://` URLs of the members; those that are down are passed over. */
  readonly endpoints: readonly string[];
  /** flannel's `-etcd-prefix`. Default `/coreos.com/network`. */
  readonly prefix?: string;
  readonly username?: string;
  readonly password?: string;
}

/** One member of the cluster. */
export interface EtcdEndpoint {
  readonly url: string;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
}

/** etcd's port where a URL names none. */
const DEFAULT_PORT = 2379;

/** @throws TartanError `USAGE` */
export function parseEndpoints(urls: readonly string[]): EtcdEndpoint[] {
  if (urls.length === 0) throw wrongEndpoint('no etcd endpoint is given');
  return urls.map(parseEndpoint);
}

function parseEndpoint(text: string): EtcdEndpoint {
  const url = URL.parse(text);
  if (url?.username || url?.password) {
    throw new TartanError(
      'USAGE',
      `the etcd endpoint at ${url.host} carries a user or a password`,
      'Give them by --etcd-username and --etcd-password.',
    );
  }
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw wrongEndpoint(`${JSON.stringify(text)} is not the URL of an etcd endpoint`);
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw wrongEndpoint(`${JSON.stringify(text)} has more than a host and a port`);
  }
  const isSecure = url.protocol === 'https:';
  return {
    url: `${url.protocol}//${url.host}`,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: portOf(url, text, isSecure),
    isSecure,
  };
}

/** URL leaves out a port that is the scheme's own, even where the text has it. */
function portOf(url: URL, text: string, isSecure: boolean): number {
  if (url.port !== '') return Number(url.port);
  const namesPort = /:\d+\/?$/.test(text);
  if (!namesPort) return DEFAULT_PORT;
  return isSecure ? 443 : 80;
}

function wrongEndpoint(problem: string): TartanError {
  return new TartanError('USAGE', problem, 'Give URLs such as http://127.0.0.1:2379.');
}
