#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
/** Finds the command that is asked for. Nothing is imported before it is needed: it is what start-up costs. */
import type { CommandName } from '../src/cli/options.ts';

const commands: Readonly<
  Record<CommandName, () => Promise<{ main(argv: readonly string[]): Promise<never> }>>
> = {
  'init-config': () => import('./init_config.ts'),
  join: () => import('./join.ts'),
  renew: () => import('./renew.ts'),
  watch: () => import('./watch.ts'),
  teardown: () => import('./teardown.ts'),
  bench: () => import('./bench.ts'),
};

const [word, ...rest] = process.argv.slice(2);
switch (word) {
  case '-V':
  case '--version':
    await printVersion();
    break;
  case undefined:
    await printOverview(process.stderr);
    process.exitCode = 2;
    break;
  case '-h':
  case '--help':
    await printOverview(process.stdout);
    break;
  case 'help':
    if (rest[0] === undefined) await printOverview(process.stdout);
    else await runNamed(rest[0], ['--help']);
    break;
  default:
    await runNamed(word, rest);
}

async function printVersion(): Promise<void> {
  const { default: project } = await import('../package.json', { with: { type: 'json' } });
  process.stdout.write(`${project.version}\n`);
}

async function printOverview(output: NodeJS.WriteStream): Promise<void> {
  const { overviewText } = await import('../src/cli/program.ts');
  output.write(overviewText());
}

async function runNamed(name: string, argv: readonly string[]): Promise<void> {
  if (!Object.hasOwn(commands, name)) await refuse(name);
  const { main } = await commands[name as CommandName]();
  await main(argv);
}

async function refuse(name: string): Promise<never> {
  const [{ commandNamed, wantsJson }, { fail }] = await Promise.all([
    import('../src/cli/parse.ts'),
    import('./run.ts'),
  ]);
  try {
    commandNamed(name);
  } catch (error) {
    fail(error, wantsJson(rest, process.env));
  }
  throw new Error(`${name} has no script`);
}
