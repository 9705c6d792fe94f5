import { type OptionSpec, SERVING } from './option_spec.ts';
import { choice, integer, list, text } from './values.ts';

/** What a server takes, beside a store and certificates. */
export const SERVE_OPTIONS = {
  listen: {
    value: text('<ip:port>'),
    initial: null,
    help: 'own address to offer the store at, or fd:// for a socket that systemd has opened; of run: do this alone, as tartan serve',
    commands: SERVING,
  },
  authorize: {
    value: choice('<how>', ['auto', 'address', 'certificate', 'none']),
    initial: 'auto',
    help: "what shows that a lease is a client's own: the address that it comes from is the PublicIP, a name in its certificate is, or nothing; auto: certificate with --remote-cafile, else address",
    commands: SERVING,
  },
  'allow-admin': {
    value: list('<ip|name>'),
    initial: [],
    help: 'address or certificate name of a client that may write the config, reservations and all leases; may be repeated',
    commands: SERVING,
  },
  'max-connections': {
    value: integer('<number>', 1, 1_000_000),
    initial: 4096,
    help: 'connections that are open at once, and requests that wait for news',
    commands: SERVING,
  },
  'max-connections-per-address': {
    value: integer('<number>', 1, 1_000_000),
    initial: 64,
    help: 'the same of one address; a host needs two',
    commands: SERVING,
  },
} as const satisfies Record<string, OptionSpec<unknown, unknown>>;
