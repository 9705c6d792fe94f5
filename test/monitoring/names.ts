/** Which metrics are named, in what is written for people and their tools, and which there are. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const CHECKOUT = resolve(import.meta.dirname, '../..');

export const read = (path: string) => readFileSync(resolve(CHECKOUT, path), 'utf8');

const NAME = /\b(?:tartan|process)_[a-z_]*[a-z]\b/g;

/** Every metric of ours or of the process that a text names. */
export function namesIn(text: string): string[] {
  return [...new Set(text.match(NAME))].sort();
}

/** Every metric that a scrape tells of, with values or without. */
export function namesTold(page: string): string[] {
  return Array.from(page.matchAll(/^# TYPE (\S+) /gm), ([, name = '']) => name).sort();
}

/** Expressions of a dashboard's panels and variables. */
export function expressionsOf(dashboard: string): string[] {
  const expressions: string[] = [];
  JSON.parse(dashboard, (key, value) => {
    if ((key === 'expr' || key === 'query') && typeof value === 'string') expressions.push(value);
    return value;
  });
  return expressions;
}
