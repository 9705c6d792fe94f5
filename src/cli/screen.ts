/** Text that takes the place of what was on a terminal, without a flicker: ECMA-48's control functions. */

const HOME = '\x1b[H';
const ERASE_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';
const ERASE_ALL = '\x1b[2J';

/**
 * @param isFirst what somebody else has written goes, too
 * @param columns of the terminal: what is longer is cut, as a line that wraps would move all below it
 */
export function drawOver(
  text: string,
  { isFirst, columns }: { isFirst: boolean; columns: number },
) {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => `${cut(line, columns)}${ERASE_LINE}`);
  return `${isFirst ? ERASE_ALL : ''}${HOME}${lines.join('\n')}\n${ERASE_BELOW}`;
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
