import { CommanderError } from 'commander';
import { TartanError } from '../errors.ts';
import { COMMAND_NAMES } from './commands.ts';
import { flannelArguments, refuseWhatIsNotBuilt } from './flannel_flags.ts';
import type { Environment } from './option_spec.ts';
import {
  type CommandName,
  OPTIONS,
  type OptionName,
  type Options,
  optionsOf,
  specOf,
  variableOf,
} from './options.ts';
import { helpText, programOf } from './program.ts';

export type { Environment } from './option_spec.ts';

/** What a command line asks for. */
export type Parsed =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'run';
      readonly options: Options;
      readonly argument: string | null;
      readonly words: readonly string[];
    };

/** `run` stands where flanneld stood, with flanneld's arguments; the others are asked about it with the same. */
const TAKE_FLANNELS: readonly CommandName[] = ['run', 'join', 'watch', 'status', 'teardown'];

/**
 * Reads a command's flags and variables into typed values.
 * @throws TartanError `USAGE` naming the flag or variable and the value
 */
export function parseCommandLine(
  command: CommandName,
  argv: readonly string[],
  environment: Environment,
): Parsed {
  const program = programOf(command);
  if (command === 'run') refuseWhatIsNotBuilt(environment);
  try {
    const given = TAKE_FLANNELS.includes(command) ? flannelArguments(argv) : argv;
    program.parse(given, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text: helpText(command) };
    throw new TartanError(
      'USAGE',
      withoutValue(error.message.replace(/^error: /, '').replaceAll('\n', ' ')),
      `See \`tartan ${command} --help\`.`,
      { cause: error },
    );
  }

  const flags = program.opts<Record<string, true | readonly string[]>>();
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(OPTIONS) as OptionName[]) values[name] = specOf(name).initial;
  for (const name of optionsOf(command)) {
    const given = flags[camelCase(name)];
    // flanneld's `-v` has a variable too.
    const variable = [variableOf(name), ...(name === 'log-level' ? ['FLANNELD_V'] : [])].find(
      (one) => environment[one],
    );
    if (given !== undefined)
      values[name] = readValue(name, `--${name}`, given === true ? ['true'] : given);
    else if (variable) values[name] = readValue(name, variable, [environment[variable] ?? '']);
  }
  refuseContradictions(values as Options);
  const words = program.args;
  return { kind: 'run', options: values as Options, argument: words[0] ?? null, words };
}

/** A mistyped `--etcd-pasword=…` must not show the password. */
function withoutValue(message: string): string {
  return message.replace(/'(-[^'=]*)=.*'/, "'$1'");
}

/** `http://user:password@host` without what is nobody's business. */
function withoutLogin(url: string): string {
  return url.replace(/\/\/.*@/, '//…@');
}

/** commander's spelling of a flag. */
function camelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function readValue(name: OptionName, source: string, texts: readonly string[]): unknown {
  try {
    return specOf(name).value.read(texts);
  } catch (error) {
    if (!(error instanceof TartanError)) throw error;
    throw new TartanError('USAGE', `${source}: ${error.message}`, error.hint);
  }
}

function refuseContradictions(options: Options): void {
  const { store, remote, listen, 'etcd-endpoints': endpoints } = options;
  const stores = [
    store !== null && ['--store', withoutLogin(store)],
    endpoints !== null && ['--etcd-endpoints', `etcd ${endpoints.map(withoutLogin).join(',')}`],
    remote !== null && ['--remote', `the server ${remote.replace(/^.*@/, '…@')}`],
  ].filter((named) => named !== false);
  if (listen !== null && remote !== null) {
    throw new TartanError(
      'USAGE',
      `--listen ${listen} and --remote ${remote.replace(/^.*@/, '…@')} exclude each other: a server takes no lease`,
      'Leave out --remote where the store is offered, and --listen where it is used (or the variable).',
    );
  }
  refuseOfOneNetwork(options);
  if (stores.length > 1) {
    throw new TartanError(
      'USAGE',
      `two stores are named: ${stores.map(([, what]) => what).join(' and ')}`,
      `Leave out ${stores.map(([flag]) => flag).join(' or ')} (or its variable).`,
    );
  }
  for (const whose of ['etcd', 'remote'] as const) {
    const [cert, key] = [`${whose}-certfile`, `${whose}-keyfile`] as const;
    if ((options[cert] === null) === (options[key] === null)) continue;
    throw new TartanError(
      'USAGE',
      `--${cert} and --${key} belong together, and only one of them is given`,
      'Give both or none.',
    );
  }
}

/** What names the one network of a process that has several. */
function refuseOfOneNetwork(options: Options): void {
  if (options.networks.length === 0 && !options['watch-networks']) return;
  if (options.listen !== null) {
    throw new TartanError(
      'USAGE',
      `--listen ${options.listen} takes part in no network, and --networks or --watch-networks in several`,
      'Leave one of them out (or its variable): a server offers every network under --etcd-prefix.',
    );
  }
  if (options['watch-networks'] && options.remote !== null) {
    throw new TartanError(
      'USAGE',
      `--watch-networks cannot be had from --remote ${options.remote.replace(/^.*@/, '…@')}, which lists no networks`,
      'Name them with --networks.',
    );
  }
  const { initial } = specOf('subnet-file');
  if (options['subnet-file'] !== initial) {
    throw new TartanError(
      'USAGE',
      `--subnet-file ${options['subnet-file']} is one file, and there may be several networks`,
      'Leave it out (or its variable), and give a folder for them as --subnet-dir.',
    );
  }
  if (options.network !== specOf('network').initial) {
    throw new TartanError(
      'USAGE',
      `--network ${options.network} is one, and --networks or --watch-networks are several`,
      'Leave one of them out (or its variable).',
    );
  }
}

/**
 * The command that a word names.
 * @throws TartanError `USAGE`
 */
export function commandNamed(word: string): CommandName {
  const name = COMMAND_NAMES.find((candidate) => candidate === word);
  if (name !== undefined) return name;
  throw new TartanError(
    'USAGE',
    `"${word}" is not a command of tartan`,
    `Give one of ${COMMAND_NAMES.join(', ')}; \`tartan --help\` explains them.`,
  );
}

/** Whether errors are to be printed as JSON: asked before the command line is known to be right. */
export function wantsJson(argv: readonly string[], environment: Environment): boolean {
  if (argv.includes('--json')) return true;
  try {
    return OPTIONS.json.value.read([environment[variableOf('json')] || 'false']);
  } catch {
    return false;
  }
}
