import { messageOf, TartanError } from '../errors.ts';

/** What is printed of an error, and the exit status. */
export interface Report {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Two lines for people on stderr (what, and what to do), or one JSON object for scripts on stdout. */
export function reportError(thrown: unknown, json: boolean): Report {
  const error = asTartanError(thrown);
  const { code, message, hint, exitCode } = error;
  if (json) {
    return {
      stdout: `${JSON.stringify({ error: { code, message, hint } })}\n`,
      stderr: '',
      exitCode,
    };
  }
  return { stdout: '', stderr: `tartan: ${oneLine(message)}\n${oneLine(hint)}\n`, exitCode };
}

function asTartanError(thrown: unknown): TartanError {
  if (thrown instanceof TartanError) return thrown;
  const place = thrown instanceof Error ? thrown.stack?.split('\n')[1]?.trim() : undefined;
  return new TartanError(
    'INTERNAL',
    `this should not happen: ${messageOf(thrown)}`,
    `Please report it, with the command and this place: ${place ?? 'unknown'}.`,
    { cause: thrown },
  );
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
