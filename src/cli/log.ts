import { createRequire } from 'node:module';
import type { Logger } from 'pino';
import type { Log, LogLevel } from '../agent/log.ts';

const ORDER: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

/** Where log lines go. */
export interface LogTarget {
  /** For people (a terminal), or JSON for machines. */
  readonly human: boolean;
  write(line: string): void;
}

/** A log that drops what is below the level. pino is loaded at the first line only: most runs log nothing. */
export function createLog(level: LogLevel, target: LogTarget): Log {
  const emit = target.human ? humanWriter(target) : jsonWriter(target);
  const limit = ORDER.indexOf(level);
  const at = (line: LogLevel) => (message: string, fields?: object) => {
    if (ORDER.indexOf(line) <= limit) emit(line, message, fields ?? {});
  };
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}

type Writer = (level: LogLevel, message: string, fields: object) => void;

function humanWriter(target: LogTarget): Writer {
  return (level, message, fields) => {
    const shown = Object.entries(fields).map(
      ([name, value]) => ` ${name}=${JSON.stringify(value)}`,
    );
    target.write(`${level}: ${message}${shown.join('')}\n`);
  };
}

function jsonWriter(target: LogTarget): Writer {
  let logger: Logger | undefined;
  return (level, message, fields) => {
    logger ??= loadPino(target);
    logger[level](fields, message);
  };
}

function loadPino(target: LogTarget): Logger {
  const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino');
  const settings = {
    level: 'debug',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(settings, target);
}
