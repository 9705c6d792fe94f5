import { type OptionSpec, WITH_STORE } from './option_spec.ts';
import { list, text } from './values.ts';

/** Where config and leases live: the options of all commands that open a store, in the order of the help. */
export const STORE_OPTIONS = {
  store: {
    value: text('<kind:where>'),
    initial: null,
    help: 'where config and leases live: file:/path for the embedded store; without it, etcd',
    commands: WITH_STORE,
  },
  'etcd-endpoints': {
    value: list('<urls>'),
    initial: null,
    help: 'etcd servers, with commas between them (default: http://127.0.0.1:4001,http://127.0.0.1:2379)',
    commands: WITH_STORE,
  },
  'etcd-prefix': {
    value: text('<key>'),
    initial: '/coreos.com/network',
    help: 'etcd key under which config and leases live',
    commands: WITH_STORE,
  },
  'etcd-keyfile': {
    value: text('<path>'),
    initial: null,
    help: 'private key of the client certificate',
    commands: WITH_STORE,
  },
  'etcd-certfile': {
    value: text('<path>'),
    initial: null,
    help: 'client certificate to show to etcd',
    commands: WITH_STORE,
  },
  'etcd-cafile': {
    value: text('<path>'),
    initial: null,
    help: 'authority that signed the certificates of the etcd servers',
    commands: WITH_STORE,
  },
  'etcd-username': {
    value: text('<name>'),
    initial: null,
    help: 'user of etcd',
    commands: WITH_STORE,
  },
  'etcd-password': {
    value: text('<password>'),
    initial: null,
    help: 'password of that user; other users can see it in the process list, so prefer the variable',
    commands: WITH_STORE,
  },
} as const satisfies Record<string, OptionSpec<unknown, unknown>>;
