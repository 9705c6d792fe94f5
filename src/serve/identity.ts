/** TLS at the server's end, and who a client is by it. */
import type { ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { TartanError } from '../errors.ts';
import type { TlsFiles } from '../store/tls_files.ts';
import { type Client, namesOf, plainAddress } from './authorize.ts';
import type { Limits } from './limits.ts';

/**
 * A certificate that is not good is refused here, not in the handshake: there the client would hear of no reason.
 */
export function tlsOptions(
  { rootCertificate, privateKey, certChain }: TlsFiles,
  { handshakeMs }: Limits,
): ServerOptions {
  return {
    handshakeTimeout: handshakeMs,
    ...(privateKey && { key: privateKey }),
    ...(certChain && { cert: certChain }),
    ...(rootCertificate && { ca: rootCertificate, requestCert: true, rejectUnauthorized: false }),
  };
}

/**
 * Who is at the other end.
 * @throws TartanError `PERMISSION` without a certificate that is good, where one is asked for
 */
export function identify(socket: Socket, tls: TlsFiles | undefined): Client {
  const address = plainAddress(socket.remoteAddress);
  if (!tls?.rootCertificate) return { address, names: [] };
  const { authorized, authorizationError } = socket as TLSSocket;
  if (authorized) return { address, names: namesOf((socket as TLSSocket).getPeerCertificate()) };
  const reason = String(authorizationError ?? 'none was shown');
  throw new TartanError(
    'PERMISSION',
    `the certificate of the client ${address} is not good: ${CERTIFICATE_PROBLEMS[reason] ?? reason}`,
    "Give the client a certificate that is valid now and signed by the server's --remote-cafile: --remote-certfile, --remote-keyfile.",
  );
}

/** Node's words for what is usual. */
const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  UNABLE_TO_GET_ISSUER_CERT: 'none was shown, or its authority is unknown',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'another authority has signed it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'another authority has signed it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it has signed itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'another authority has signed it',
};
