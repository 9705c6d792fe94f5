import { messageOf, TartanError } from '../errors.ts';

/**
 * A regular expression in Go's spelling, as flanneld's options have it, as far as it is JavaScript's too; `(?i)` in front
 * is taken.
 * @throws TartanError `USAGE` naming the expression
 */
export function readPattern(text: string): RegExp {
  const { flags = '', source = text } =
    /^\(\?(?<flags>[ims]+)\)(?<source>.*)$/s.exec(text)?.groups ?? {};
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
