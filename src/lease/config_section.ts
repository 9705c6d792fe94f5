import { TartanError } from '../errors.ts';
import { isIpv4, parseIpv4 } from '../net/ipv4.ts';
import { fieldsOf, type JsonFields } from './json_fields.ts';

/** One JSON object of the network config: the whole, or its Backend. A null counts as absent, as it does in Go. */
export interface ConfigSection {
  /** What stands before a key's name in messages: empty, or `Backend.`. */
  readonly path: string;
  readonly fields: JsonFields;
}

/** Bounds of a number, both included. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** A `CONFIG_INVALID`. */
export function invalid(message: string, hint: string): TartanError {
  return new TartanError('CONFIG_INVALID', message, hint);
}

/** `Backend.VNI is "one"`, the beginning of a message. */
export function nameValue(section: ConfigSection, key: string): string {
  return `${section.path}${key} is ${JSON.stringify(section.fields.get(key.toLowerCase()))}`;
}

/** The object under a key as a section of its own; null if the key is absent. */
export function readSection(section: ConfigSection, key: string): ConfigSection | null {
  if (!section.fields.has(key.toLowerCase())) return null;
  const fields = fieldsOf(section.fields.get(key.toLowerCase()));
  if (fields !== null) return { path: `${section.path}${key}.`, fields };
  throw invalid(
    `${section.path}${key} is not an object`,
    `Give it as "${key}": {"Type": "vxlan"}, or leave it out.`,
  );
}

export function readText(section: ConfigSection, key: string): string | undefined {
  const value = section.fields.get(key.toLowerCase()) ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(`${nameValue(section, key)}, not text`, `Put ${key} in double quotes.`);
}

/** Reads text that must not show up in a message. */
export function readSecret(section: ConfigSection, key: string): string | undefined {
  const value = section.fields.get(key.toLowerCase()) ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(`${section.path}${key} is not text`, `Put ${key} in double quotes.`);
}

export function readFlag(section: ConfigSection, key: string): boolean {
  const value = section.fields.get(key.toLowerCase()) ?? false;
  if (typeof value === 'boolean') return value;
  throw invalid(`${nameValue(section, key)}, neither true nor false`, 'Write it without quotes.');
}

export function readInteger(
  section: ConfigSection,
  key: string,
  { min, max }: Bounds,
): number | undefined {
  const value = section.fields.get(key.toLowerCase()) ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw invalid(
    `${nameValue(section, key)}, not a whole number from ${min} to ${max}`,
    'Write a number within the bounds, without quotes, or leave it out for the default.',
  );
}

/** An IPv4 address as an unsigned 32-bit number; 0.0.0.0 counts as absent, as it does for flannel. */
export function readAddress(section: ConfigSection, key: string): number | undefined {
  const text = readText(section, key);
  if (text === undefined) return undefined;
  if (isIpv4(text)) return parseIpv4(text) || undefined;
  throw invalid(
    `${nameValue(section, key)}, not an IPv4 address`,
    'Give the address of a subnet, such as "10.5.1.0", or leave it out for the default.',
  );
}
