import { isIP } from 'node:net';
import { readPattern } from '../agent/pattern.ts';
import { TartanError } from '../errors.ts';
import { isNetworkName } from '../lease/network_name.ts';

/** How the text of a flag or a variable becomes a value. */
export interface Value<T> {
  /** What the help calls it, `<path>`; null for a switch. */
  readonly placeholder: string | null;
  /** Whether the flag may be given several times. */
  readonly repeatable: boolean;
  /** @throws TartanError `USAGE` naming the value */
  read(texts: readonly string[]): T;
}

function single<T>(placeholder: string | null, read: (text: string) => T): Value<T> {
  return { placeholder, repeatable: false, read: (texts) => read(texts.at(-1) ?? '') };
}

function emptyValue(): TartanError {
  return new TartanError('USAGE', 'an empty value', 'Give a value, or leave the option out.');
}

/** Anything but nothing. */
export function text(placeholder: string): Value<string> {
  return single(placeholder, (given) => {
    if (given !== '') return given;
    throw emptyValue();
  });
}

/** A network's name: it becomes that of folders, also on a BPF file system, which takes no dots. */
export function networkName(placeholder: string): Value<string> {
  return single(placeholder, (given) => {
    if (isNetworkName(given)) return given;
    throw wrongName(given);
  });
}

/** Names of networks, each once. */
export function networkNames(placeholder: string): Value<readonly string[]> {
  const names = list(placeholder);
  return {
    ...names,
    read(texts) {
      const given = names.read(texts);
      for (const [at, name] of given.entries()) {
        if (!isNetworkName(name)) throw wrongName(name);
        if (given.indexOf(name) === at) continue;
        throw new TartanError('USAGE', `"${name}" is named twice`, 'Name each network once.');
      }
      return given;
    },
  };
}

function wrongName(given: string): TartanError {
  return new TartanError(
    'USAGE',
    `"${given}" cannot be a network's name`,
    'Give 1 to 32 letters, digits, - and _, and neither config, subnets nor _ alone.',
  );
}

/** A name that a shell takes for a variable. */
export function variableName(placeholder: string): Value<string> {
  return single(placeholder, (given) => {
    if (/^[A-Za-z_]\w*$/.test(given)) return given;
    throw new TartanError(
      'USAGE',
      `"${given}" cannot be the name of a variable`,
      'Give letters, digits and _, such as DOCKER_OPTS.',
    );
  });
}

/** Several values, by repeating the flag or with commas between them, in order. */
export function list(placeholder: string): Value<readonly string[]> {
  return {
    placeholder,
    repeatable: true,
    read(texts) {
      const parts = texts.map((given) =>
        given
          .split(',')
          .map((part) => part.trim())
          .filter(Boolean),
      );
      if (parts.every((found) => found.length > 0)) return parts.flat();
      throw emptyValue();
    },
  };
}

/** Regular expressions, by repeating the flag; a comma is part of one. */
export function pattern(placeholder: string): Value<readonly string[]> {
  return {
    placeholder,
    repeatable: true,
    read(texts) {
      for (const given of texts) {
        if (given === '') throw emptyValue();
        readPattern(given);
      }
      return texts;
    },
  };
}

/** A whole number within bounds, both included. */
export function integer(placeholder: string, min: number, max: number): Value<number> {
  return single(placeholder, (given) => {
    const number = Number(given);
    if (/^[0-9]+$/.test(given) && number >= min && number <= max) return number;
    throw new TartanError(
      'USAGE',
      `"${given}" is not a whole number from ${min} to ${max}`,
      `Give a whole number from ${min} to ${max}.`,
    );
  });
}

/** A dotted IPv4 address. */
export function ipv4(placeholder: string): Value<string> {
  return single(placeholder, (given) => {
    if (isIP(given) === 4 && isHostAddress(given)) return given;
    throw new TartanError(
      'USAGE',
      `"${given}" is not ${isIP(given) === 4 ? 'the address of a host' : 'an IPv4 address'}`,
      'Give four numbers from 0 to 255 with dots between them, such as 192.168.64.3.',
    );
  });
}

/** Any dotted IPv4 address, of a loopback interface or 0.0.0.0 as well. */
export function localIpv4(placeholder: string): Value<string> {
  return single(placeholder, (given) => {
    if (isIP(given) === 4) return given;
    throw new TartanError(
      'USAGE',
      `"${given}" is not an IPv4 address`,
      'Give four numbers from 0 to 255 with dots between them, such as 10.5.2.1.',
    );
  });
}

/** Not "this host", loopback, multicast or reserved (RFC 6890): nobody else could send there. */
function isHostAddress(address: string): boolean {
  const first = Number(address.split('.', 1)[0]);
  return first !== 0 && first !== 127 && first < 224;
}

/** One of a few words. */
export function choice<const T extends string>(placeholder: string, words: readonly T[]): Value<T> {
  return single(placeholder, (given) => {
    const word = words.find((candidate) => candidate === given);
    if (word !== undefined) return word;
    throw new TartanError('USAGE', `"${given}" is not known`, `Give one of ${words.join(', ')}.`);
  });
}

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** A log level, or a number as glog's -v has it. */
export function logLevel(placeholder: string): Value<(typeof LEVELS)[number]> {
  return single(placeholder, (given) => {
    if (/^\d{1,3}$/.test(given)) return Number(given) === 0 ? 'info' : 'debug';
    const level = LEVELS.find((word) => word === given);
    if (level !== undefined) return level;
    const hint = `Give one of ${LEVELS.join(', ')}, or a whole number from 0 on.`;
    throw new TartanError('USAGE', `"${given}" is not known`, hint);
  });
}

/** The spellings that Go's strconv.ParseBool takes, as flanneld's variables do. */
const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

export const isTrue = (given: string): boolean => TRUE.includes(given);
export const isFalse = (given: string): boolean => FALSE.includes(given);

/** On when the flag is there; the variable says true or false. */
export function toggle(): Value<boolean> {
  return single(null, readTruth);
}

/** What is on unless it is said to be off: so it takes a word. */
export function truth(placeholder: string): Value<boolean> {
  return single(placeholder, readTruth);
}

function readTruth(given: string): boolean {
  if (isTrue(given)) return true;
  if (isFalse(given)) return false;
  throw new TartanError('USAGE', `"${given}" is neither true nor false`, 'Give true or false.');
}
