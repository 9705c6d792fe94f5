import type { OptionSpec } from './option_spec.ts';
import { networkNames, text, toggle } from './values.ts';

/** Several networks in one process, in the order of the help. */
export const NETWORKS_OPTIONS = {
  networks: {
    value: networkNames('<names>'),
    initial: [],
    help: 'networks to take part in, with commas between them; the config of each lies under its name: --etcd-prefix/name, or name.db in the folder that --store names',
    commands: ['run'],
  },
  'watch-networks': {
    value: toggle(),
    initial: false,
    help: 'take part in every network that there is, or of --networks, as they come and go',
    commands: ['run'],
  },
  'subnet-dir': {
    value: text('<path>'),
    initial: '/run/flannel/networks',
    help: 'folder for the subnet file of each of --networks, such as blue.env',
    commands: ['run'],
  },
} as const satisfies Record<string, OptionSpec<unknown, unknown>>;
