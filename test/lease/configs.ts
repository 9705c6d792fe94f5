/** Configs to be read, and to be refused. */
import assert from 'node:assert/strict';
import { TartanError } from '../../src/errors.ts';
import { parseConfig } from '../../src/lease/config.ts';

/** The config of a network of 10.5.0.0/16 with these keys added. */
export const parseWith = (keys: object) =>
  parseConfig(JSON.stringify({ Network: '10.5.0.0/16', ...keys }));

export const parseBackend = (options: object) => parseWith({ Backend: options }).backend;

export function assertInvalid(text: string, ...named: string[]): void {
  assert.throws(
    () => parseConfig(text),
    (error) => {
      assert.ok(error instanceof TartanError, String(error));
      assert.equal(error.code, 'CONFIG_INVALID');
      for (const name of named) assert.ok(error.message.includes(name), error.message);
      assert.notEqual(error.hint, '');
      return true;
    },
  );
}
