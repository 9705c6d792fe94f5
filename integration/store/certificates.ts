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

interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes a CA, a server certificate for 127.0.0.1 and a client certificate, by openssl. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const ca = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca.key');
  await run('openssl', [
    ...['req', '-x509', ...CURVE, '-days', '2', '-subj', '/CN=tartan test CA'],
    ...['-keyout', caKey, '-out', ca],
  ]);
  const sign = async (name: string, extensions: string): Promise<KeyPair> => {
    const file = (suffix: string) => join(folder, `${name}.${suffix}`);
    writeFileSync(file('ext'), extensions);
    await run('openssl', [
      ...['req', ...CURVE, '-subj', `/CN=${name}`, '-keyout', file('key'), '-out', file('csr')],
    ]);
    await run('openssl', [
      ...['x509', '-req', '-in', file('csr'), '-CA', ca, '-CAkey', caKey, '-CAcreateserial'],
      ...['-days', '2', '-extfile', file('ext'), '-out', file('pem')],
    ]);
    return { cert: file('pem'), key: file('key') };
  };
  const server = await sign(
    'server',
    'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n',
  );
  const client = await sign('client', 'extendedKeyUsage=clientAuth\n');
  return { ca, server, client };
}
