import type { OptionSpec } from './option_spec.ts';
import { text, toggle, variableName } from './values.ts';

/** The options of `docker-opts`, in the order of the help: those of flannel's mk-docker-opts.sh. */
export const DOCKER_OPTIONS = {
  'docker-env': {
    value: text('<path>'),
    initial: '/run/docker_opts.env',
    help: "file of variables to write, for the EnvironmentFile= of Docker's unit",
    commands: ['docker-opts'],
    short: '-d',
  },
  individual: {
    value: toggle(),
    initial: false,
    help: 'write a variable for each option, DOCKER_OPT_BIP and so on (with neither -i nor -c: both)',
    commands: ['docker-opts'],
    short: '-i',
  },
  combined: {
    value: toggle(),
    initial: false,
    help: 'write one variable with all options',
    commands: ['docker-opts'],
    short: '-c',
  },
  'combined-key': {
    value: variableName('<name>'),
    initial: 'DOCKER_OPTS',
    help: 'name of that variable; what it has in the environment comes first',
    commands: ['docker-opts'],
    short: '-k',
  },
  'omit-ip-masq': {
    value: toggle(),
    initial: false,
    help: 'leave out --ip-masq=false, for a Docker that does not know it',
    commands: ['docker-opts'],
    short: '-m',
  },
} as const satisfies Record<string, OptionSpec<unknown, unknown>>;
