import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** PEM files of a CA and of what it signed. */
export interface Certificates {
  readonly ca: string;
  readonly server: KeyPair;
  readonly client: KeyPair;
}

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A CA that signs what it is asked to. */
export interface Authority {
  readonly ca: string;
  /** @param days how long it is valid from now on; a negative number: it has expired */
  sign(name: string, extensions: string, days?: number): Promise<KeyPair>;
}

/** Makes a CA in a folder, by openssl. */
export async function makeAuthority(folder: string, called = 'ca'): Promise<Authority> {
  const ca = join(folder, `${called}.pem`);
  const caKey = join(folder, `${called}.key`);
  await run('openssl', [
    ...['req', '-x509', ...CURVE, '-days', '2', '-subj', `/CN=tartan test ${called}`],
    ...['-keyout', caKey, '-out', ca],
  ]);
  let serial = 0;
  return {
    ca,
    async sign(name, extensions, days = 2) {
      serial += 1;
      const file = (suffix: string) => join(folder, `${called}-${serial}-${name}.${suffix}`);
      writeFileSync(file('ext'), extensions);
      await run('openssl', [
        ...['req', ...CURVE, '-subj', `/CN=${name}`, '-keyout', file('key'), '-out', file('csr')],
      ]);
      await run('openssl', [
        ...['x509', '-req', '-in', file('csr'), '-CA', ca, '-CAkey', caKey, '-CAcreateserial'],
        ...['-days', String(days), '-extfile', file('ext'), '-out', file('pem')],
      ]);
      return { cert: file('pem'), key: file('key') };
    },
  };
}

export const FOR_SERVERS =
  'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n';
export const FOR_CLIENTS = 'extendedKeyUsage=clientAuth\n';

/** Makes a CA, a server certificate for 127.0.0.1 and a client certificate. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const { ca, sign } = await makeAuthority(folder);
  return {
    ca,
    server: await sign('server', FOR_SERVERS),
    client: await sign('client', FOR_CLIENTS),
  };
}
