import { messageOf, TartanError } from '../errors.ts';

/** These would not be refused, but never match. */
const GO_ALONE = /\[\[:\^?\w+:\]|\\[AzQEC]|\(\?P</;

/**
 * A regular expression in Go's spelling, as flanneld's options have it, as far as it is JavaScript's too; `(?i)` in front
 * is taken.
 * @throws TartanError `USAGE` naming the expression
 */
export function readPattern(text: string): RegExp {
  const { flags = '', source = text } =
    /^\(\?(?<flags>[ims]+)\)(?<source>.*)$/s.exec(text)?.groups ?? {};
  const foreign = GO_ALONE.exec(text)?.[0];
  if (foreign !== undefined) {
    throw new TartanError(
      'USAGE',
      `"${text}" has ${foreign}, which Go knows and JavaScript does not`,
      'Give [0-9] for [[:digit:]], ^ and $ for \\A and \\z, and groups without names.',
    );
  }
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new TartanError(
      'USAGE',
      `"${text}" is no regular expression: ${messageOf(error)}`,
      'Give one such as ^eth[12]$ or ^192\\.168\\.',
      { cause: error },
    );
  }
}
