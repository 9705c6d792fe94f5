#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { once } from 'node:events';
import { isIP } from 'node:net';
import type { Options } from '../src/cli/options.ts';
import { TartanError } from '../src/errors.ts';
import type { Policy } from '../src/serve/authorize.ts';
import { LIMITS, type Limits } from '../src/serve/limits.ts';
import { type ListenPlace, parseListen, requirePassedOn } from '../src/serve/listen.ts';
import { serveStore } from '../src/serve/server.ts';
import { readTlsFiles, type TlsFiles } from '../src/store/tls_files.ts';
import { type Context, runCommand } from './process.ts';
import { openServedStores } from './served_stores.ts';
import { tellServiceManager } from './service.ts';
import { remoteFilesOf } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  const act = (context: Context) => {
    const { listen } = context.options;
    if (listen !== null) return serve(context, listen);
    throw new TartanError(
      'USAGE',
      'nowhere to serve',
      'Give --listen with an address of this host and a port, such as 10.0.0.1:8889, or fd://.',
    );
  };
  // Other hosts are not to be without a store because a log is full or its reader is gone.
  return runCommand('serve', argv, async (context) => act(context), { outlivesOutput: true });
}

/** Offers the store that the options name, until a signal. */
export async function serve(context: Context, listen: string): Promise<null> {
  const { options, signal, log } = context;
  const place = placeOf(listen);
  const tls = readTlsFiles('remote', remoteFilesOf(options));
  const policy = policyOf(options, tls);
  const storeOf = await openServedStores(context);
  const tell = (type: string, detail: object) =>
    context.emit({ time: new Date().toISOString(), type, ...detail });
  using service = tellServiceManager(SERVING, log);
  const server = await serveStore(
    {
      storeOf,
      log,
      now: Date.now,
      listener: {
        onUnavailable: (message) => tell('error', { message }),
        onReturn: () => tell('recovered', {}),
      },
    },
    { place, policy, limits: limitsOf(options), ...(tls.certChain !== null && { tls }) },
  );
  const { address, port } = server.address;
  tell('listening', { address, port, secure: tls.certChain !== null, authorize: policy.by });
  service.update();
  try {
    if (!signal.aborted) await Promise.race([once(signal, 'abort'), server.failed]);
  } finally {
    service.stopping();
    await server.close();
  }
  return null;
}

/** It is ready when it listens; a store that is away is told to clients. */
const SERVING = {
  alive: () => ({ good: true, text: 'serving' }),
  ready: () => ({ good: true, text: 'serving' }),
};

function placeOf(listen: string): ListenPlace {
  const place = parseListen(listen);
  if (place.kind === 'descriptor') requirePassedOn(place.fd, process.env, process.pid);
  // What this process starts has none of them.
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete process.env[name];
  return place;
}

function policyOf(options: Options, tls: TlsFiles): Policy {
  const { authorize, 'allow-admin': admins } = options;
  const asksForCertificates = tls.rootCertificate !== null;
  if (asksForCertificates && tls.certChain === null) {
    throw new TartanError(
      'USAGE',
      '--remote-cafile is given, and no certificate of the server',
      'Give --remote-certfile and --remote-keyfile too, or leave --remote-cafile out.',
    );
  }
  if (authorize === 'certificate' && !asksForCertificates) {
    throw new TartanError(
      'USAGE',
      '--authorize certificate, and clients are not asked for certificates',
      'Give --remote-cafile, --remote-certfile and --remote-keyfile, or another way to --authorize.',
    );
  }
  for (const admin of admins) requireAdminName(admin, asksForCertificates);
  const safest = asksForCertificates ? 'certificate' : 'address';
  return { by: authorize === 'auto' ? safest : authorize, admins };
}

/** One that can match nobody is a mistake, and the wrong one to find out about by a refusal. */
function requireAdminName(admin: string, asksForCertificates: boolean): void {
  if (isIP(admin) !== 0) return;
  if (/^[\d.:/]+$/.test(admin)) {
    throw new TartanError(
      'USAGE',
      `--allow-admin: "${admin}" is no address`,
      'Give one address, such as 10.0.0.1, or a name in a certificate.',
    );
  }
  if (asksForCertificates) return;
  throw new TartanError(
    'USAGE',
    `--allow-admin: "${admin}" is a name, and clients are not asked for certificates`,
    'Give an address, or --remote-cafile, --remote-certfile and --remote-keyfile too.',
  );
}

function limitsOf(options: Options): Limits {
  const [connections, each] = [options['max-connections'], options['max-connections-per-address']];
  return {
    ...LIMITS,
    ...{ connections, connectionsPerAddress: each, polls: connections, pollsPerAddress: each },
  };
}

if (import.meta.main) await main(process.argv.slice(2));
