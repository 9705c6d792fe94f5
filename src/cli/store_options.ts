import { type OptionSpec, WITH_OWN_STORE, WITH_STORE } from './option_spec.ts';
import { list, text } from './values.ts';

/** Where config and leases live: the options of all commands that open a store, in the order of the help. */
export const STORE_OPTIONS = {
  store: {
    value: text('<kind:where>'),
    initial: null,
    help: 'where config and leases live: file:/path for the embedded store; without it, etcd',
    commands: WITH_OWN_STORE,
  },
  'etcd-endpoints': {
    value: list('<urls>'),
    initial: null,
    help: 'etcd servers, with commas between them (default: http://127.0.0.1:4001,http://127.0.0.1:2379)',
    commands: WITH_OWN_STORE,
  },
  'etcd-prefix': {
    value: text('<key>'),
    initial: '/coreos.com/network',
    help: 'etcd key under which config and leases live',
    commands: WITH_OWN_STORE,
  },
  'etcd-keyfile': {
    value: text('<path>'),
    initial: null,
    help: 'private key of the client certificate',
    commands: WITH_OWN_STORE,
  },
  'etcd-certfile': {
    value: text('<path>'),
    initial: null,
    help: 'client certificate to show to etcd',
    commands: WITH_OWN_STORE,
  },
  'etcd-cafile': {
    value: text('<path>'),
    initial: null,
    help: 'authority that signed the certificates of the etcd servers',
    commands: WITH_OWN_STORE,
  },
  'etcd-username': {
    value: text('<name>'),
    initial: null,
    help: 'user of etcd',
    commands: WITH_OWN_STORE,
  },
  'etcd-password': {
    value: text('<password>'),
    initial: null,
    help: 'password of that user; other users can see it in the process list, so prefer the variable',
    commands: WITH_OWN_STORE,
  },
  remote: {
    value: text('<host:port>'),
    initial: null,
    help: 'a tartan serve that offers the store, over TLS with one of the three files',
    commands: WITH_STORE,
  },
  'remote-keyfile': {
    value: text('<path>'),
    initial: null,
    help: 'private key of the certificate to show to the other end, of the client or of the server',
    commands: WITH_OWN_STORE,
  },
  'remote-certfile': {
    value: text('<path>'),
    initial: null,
    help: 'certificate to show to the other end, of the client or of the server',
    commands: WITH_OWN_STORE,
  },
  'remote-cafile': {
    value: text('<path>'),
    initial: null,
    help: "authority that signed the other end's certificate; a server asks its clients for one then",
    commands: WITH_OWN_STORE,
  },
} as const satisfies Record<string, OptionSpec<unknown, unknown>>;
