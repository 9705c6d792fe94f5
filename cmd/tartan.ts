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
  run: () => import('./run.ts'),
  serve: () => import('./serve.ts'),
  status: () => import('./status.ts'),
  lease: () => import('./lease.ts'),
  endpoint: () => import('./endpoint.ts'),
  teardown: () => import('./teardown.ts'),
  'docker-opts': () => import('./docker_opts.ts'),
  relay: () => import('./relay.ts'),
  bench: () => import('./bench.ts'),
};

const [word, ...rest] = process.argv.slice(2);
switch (word) {
  case '-V':
  case '--version':
    await printVersion();
    break;
  case undefined:
    process.stderr.write(await overview());
    process.exitCode = 2;
    break;
  case '-h':
  case '--help':
    await printOrFail(await overview());
    break;
  case 'help':
    if (rest[0] === undefined) await printOrFail(await overview());
    else await runNamed(rest[0], ['--help']);
    break;
  default:
    // As flanneld does it.
    if (word === 'run' && rest.some((one) => /^--?version$/.test(one))) await printVersion();
    else await runNamed(word, rest);
}

async function printVersion(): Promise<void> {
  const { default: project } = await import('../package.json', { with: { type: 'json' } });
  await printOrFail(`${project.version}\n`);
}

async function overview(): Promise<string> {
  const { overviewText } = await import('../src/cli/program.ts');
  return overviewText();
}

async function printOrFail(text: string): Promise<void> {
  const { fail, print } = await import('./process.ts');
  // Told by the write; unheard, it would end the process before that.
  process.stdout.on('error', () => {});
  await print(text).catch((error: unknown) => fail(error, false));
}

async function runNamed(name: string, argv: readonly string[]): Promise<void> {
  if (!Object.hasOwn(commands, name)) await refuse(name);
  const { main } = await commands[name as CommandName]();
  await main(argv);
}

async function refuse(name: string): Promise<never> {
  const [{ commandNamed, wantsJson }, { fail }] = await Promise.all([
    import('../src/cli/parse.ts'),
    import('./process.ts'),
  ]);
  try {
    commandNamed(name);
  } catch (error) {
    fail(error, wantsJson(rest, process.env));
  }
  throw new Error(`${name} has no script`);
}
