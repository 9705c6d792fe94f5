export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

type Line = (message: string, fields?: object) => void;

/** Where a command tells what it does, beside its output. */
export type Log = Readonly<Record<LogLevel, Line>>;
