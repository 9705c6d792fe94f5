import type { OptionSpec } from './option_spec.ts';
import { integer, toggle } from './values.ts';

/** The options of `bench` alone, in the order of the help. */
export const BENCH_OPTIONS = {
  serve: {
    value: toggle(),
    initial: false,
    help: 'be the end that is measured against, one client after the other, until a signal',
    commands: ['bench'],
  },
  port: {
    value: integer('<port>', 1, 65_534),
    initial: 5210,
    help: 'TCP port on which the two ends talk; they measure over TCP and UDP of the port after it',
    commands: ['bench'],
    short: '-p',
  },
  seconds: {
    value: integer('<seconds>', 1, 3600),
    initial: 3,
    help: 'length of each run',
    commands: ['bench'],
    short: '-t',
  },
  streams: {
    value: integer('<number>', 1, 128),
    initial: 4,
    help: 'TCP streams at once in the second TCP test; the first has one',
    commands: ['bench'],
    short: '-P',
  },
  repeats: {
    value: integer('<number>', 1, 1000),
    initial: 3,
    help: 'how often all is measured; the result is the median',
    commands: ['bench'],
  },
  reverse: {
    value: toggle(),
    initial: false,
    help: 'the other end sends',
    commands: ['bench'],
    short: '-R',
  },
} as const satisfies Record<string, OptionSpec<unknown, unknown>>;
