/** Certificates and keys in PEM files, which options name. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf, TartanError } from '../errors.ts';

export interface TlsPaths {
  /** PEM file of the CA that signed the other end's certificate. */
  readonly cafile?: string;
  /** PEM file of our own certificate, with `keyfile`. */
  readonly certfile?: string;
  readonly keyfile?: string;
}

/** What they hold. */
export interface TlsFiles {
  readonly rootCertificate: Buffer | null;
  readonly privateKey: Buffer | null;
  readonly certChain: Buffer | null;
}

/**
 * Reads the certificates. A CA given alone is used (flannel ignores it).
 * @param whose what the options begin with: `etcd` for `--etcd-cafile`
 * @throws TartanError `USAGE` for half a key pair, `FILE` for what cannot be read
 */
export function readTlsFiles(whose: 'etcd' | 'remote', paths: TlsPaths): TlsFiles {
  if ((paths.certfile === undefined) !== (paths.keyfile === undefined)) {
    throw new TartanError(
      'USAGE',
      `of --${whose}-certfile and --${whose}-keyfile only one is given`,
      'Give both, or neither.',
    );
  }
  const certificate = (pem: Buffer) => new X509Certificate(pem);
  const read = {
    rootCertificate: readPem(`--${whose}-cafile`, paths.cafile, certificate),
    privateKey: readPem(`--${whose}-keyfile`, paths.keyfile, createPrivateKey),
    certChain: readPem(`--${whose}-certfile`, paths.certfile, certificate),
  };
  if (read.privateKey !== null && read.certChain !== null) {
    const own = new X509Certificate(read.certChain);
    if (!own.checkPrivateKey(createPrivateKey(read.privateKey))) {
      throw new TartanError(
        'FILE',
        `${paths.keyfile} (--${whose}-keyfile) is not the key of ${paths.certfile} (--${whose}-certfile)`,
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
