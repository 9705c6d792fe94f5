import { Command, Option } from 'commander';
import { COMMAND_NAMES, COMMANDS } from './commands.ts';
import { type CommandName, type OptionName, optionsOf, specOf, variableOf } from './options.ts';

const EXIT_STATUS = `
Exit status: 0 done, 1 failed, 2 wrong use, 75 try again later.
Every option can also be given by its variable; the flag wins, an empty variable counts as absent.`;

/** A commander program that neither prints nor exits: whoever calls it decides. */
function quietProgram(name: string): Command {
  return new Command(name)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: () => {} })
    .configureHelp({ helpWidth: 100 });
}

/** The parser of one command. */
export function programOf(name: CommandName): Command {
  const { description, argument, words = [], examples } = COMMANDS[name];
  const program = quietProgram(`tartan ${name}`).description(description);
  for (const { usage, help } of words) program.argument(usage, help);
  if (argument) {
    const { name: word, help, optional } = argument;
    program.argument(optional ? `[${word}]` : `<${word}>`, help);
  }
  for (const option of optionsOf(name)) program.addOption(optionOf(option, name));
  const shown = examples.map(([command, what]) => `  # ${what}\n  ${command}`);
  return program.addHelpText('after', `\nExamples:\n${shown.join('\n')}\n${EXIT_STATUS}`);
}

function optionOf(name: OptionName, command: CommandName): Option {
  const { value, short, shortIn = [command], initial, help } = specOf(name);
  const flags = [shortIn.includes(command) && short, `--${name}`].filter(Boolean).join(', ');
  const shown =
    typeof initial === 'string' || typeof initial === 'number' ? ` (default: ${initial})` : '';
  const described = `${help}${shown} [${variableOf(name)}]`;
  if (value.placeholder === null) return new Option(flags, described);
  return new Option(`${flags} ${value.placeholder}`, described).argParser(
    (text, earlier: readonly string[] | undefined) => [...(earlier ?? []), text],
  );
}

/** The help of `tartan` itself: the list of commands. */
export function overviewText(): string {
  const program = quietProgram('tartan')
    .description('A network fabric for containers: a subnet for every host, carried by eBPF.')
    .usage('<command> [options]')
    .option('-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command');
  for (const name of COMMAND_NAMES) program.command(name).summary(COMMANDS[name].summary);
  return `${program.helpInformation()}
Two commands make a network: \`tartan init-config\` once, \`tartan join\` on every host.
`;
}

/** The help of a command. */
export function helpText(name: CommandName): string {
  let text = '';
  programOf(name)
    .configureOutput({ writeOut: (part) => (text += part) })
    .outputHelp();
  return text;
}
