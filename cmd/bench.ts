#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import type { MeasureSettings } from '../src/bench/measure.ts';
import { formatTable } from '../src/cli/table.ts';
import { TartanError } from '../src/errors.ts';
import { type Context, runCommand } from './process.ts';

const ANY_ADDRESS = '0.0.0.0';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('bench', argv, async (context) => {
    const { options, argument } = context;
    refuseContradictions(context);
    const { default: project } = await import('../package.json', { with: { type: 'json' } });
    const { bind, port } = options;
    if (!options.serve) {
      const { seconds, streams, repeats, reverse } = options;
      const settings = { address: argument, port, bind, seconds, streams, repeats, reverse };
      return measureAndShow(context, { ...settings, version: project.version });
    }
    const { serve } = await import('../src/bench/serve.ts');
    await serve(context, { bind: bind ?? ANY_ADDRESS, port, version: project.version });
    return null;
  });
}

/** The result goes to stdout as JSON, as every command's; people get a table on stderr. */
async function measureAndShow({ options, signal }: Context, settings: MeasureSettings) {
  const [{ measure }, { resultRows }] = await Promise.all([
    import('../src/bench/measure.ts'),
    import('../src/bench/result.ts'),
  ]);
  const say = (text: string) => {
    if (!options.json) process.stderr.write(`${text}\n`);
  };
  const result = await measure({ signal, say }, settings);
  say(`\n${formatTable(resultRows(result))}\n`);
  return result;
}

function refuseContradictions({ options, argument }: Context): void {
  if (!options.serve && argument === '') {
    throw new TartanError(
      'USAGE',
      'nothing to measure against',
      'Give the address of a host where `tartan bench --serve` runs, or --serve for that end.',
    );
  }
  if (options.serve && argument !== '') {
    throw new TartanError(
      'USAGE',
      `--serve and the address ${argument} exclude each other`,
      'Leave the address out where it serves; --bind names the address to serve on.',
    );
  }
  if (options.serve && options.reverse) {
    throw new TartanError(
      'USAGE',
      '--serve and --reverse exclude each other',
      'Give --reverse at the end that asks.',
    );
  }
}

if (import.meta.main) await main(process.argv.slice(2));
