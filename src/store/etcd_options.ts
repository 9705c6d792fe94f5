import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf, TartanError } from '../errors.ts';

export interface EtcdStoreOptions {
  /** `http://` or `https://` URLs of the members; those that are down are passed over. */
  readonly endpoints: readonly string[];
  /** flannel's `-etcd-prefix`. Default `/coreos.com/network`. */
  readonly prefix?: string;
  /** PEM file of the CA that signed the servers' certificates. Default: the CAs that Node ships. */
  readonly cafile?: string;
  /** PEM file of our own certificate, with `keyfile`. */
  readonly certfile?: string;
  readonly keyfile?: string;
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

/** What a connection to an `https://` endpoint needs. */
export interface TlsFiles {
  readonly rootCertificate: Buffer | null;
  readonly privateKey: Buffer | null;
  readonly certChain: Buffer | null;
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

/**
 * Reads the certificates. A CA given alone is used (flannel ignores it).
 * @throws TartanError `USAGE` for half a key pair, `FILE` for what cannot be read
 */
export function readTlsFiles(options: EtcdStoreOptions): TlsFiles {
  if ((options.certfile === undefined) !== (options.keyfile === undefined)) {
    throw new TartanError(
      'USAGE',
      'of --etcd-certfile and --etcd-keyfile only one is given',
      'Give both, or neither.',
    );
  }
  const read = {
    rootCertificate: readPem('--etcd-cafile', options.cafile, (pem) => new X509Certificate(pem)),
    privateKey: readPem('--etcd-keyfile', options.keyfile, createPrivateKey),
    certChain: readPem('--etcd-certfile', options.certfile, (pem) => new X509Certificate(pem)),
  };
  if (read.privateKey !== null && read.certChain !== null) {
    const certificate = new X509Certificate(read.certChain);
    if (!certificate.checkPrivateKey(createPrivateKey(read.privateKey))) {
      throw new TartanError(
        'FILE',
        `${options.keyfile} (--etcd-keyfile) is not the key of ${options.certfile} (--etcd-certfile)`,
        'Give a certificate and a key that were made for each other.',
      );
    }
  }
  return read;
}

function readPem(
  option: string,
  path: string | undefined,
  parse: (pem: Buffer) => unknown,
): Buffer | null {
  if (path === undefined) return null;
  try {
    const pem = readFileSync(path);
    parse(pem);
    return pem;
  } catch (cause) {
    throw new TartanError(
      'FILE',
      `cannot use ${path} (${option}): ${messageOf(cause)}`,
      'Give a PEM file without passphrase that this user may read.',
      { cause },
    );
  }
}
