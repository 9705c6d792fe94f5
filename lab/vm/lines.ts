/** Cuts text that comes in pieces into lines; an unfinished last one is kept until its end comes. */
export function lineWriter(write: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) write(line);
  };
}
