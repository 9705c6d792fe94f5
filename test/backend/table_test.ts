import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendFor } from '../../src/backend/table.ts';
import { vxlan } from '../../src/backend/vxlan.ts';
import { TartanError } from '../../src/errors.ts';
import { BACKEND_TYPES } from '../../src/lease/backend_config.ts';

test('vxlan is built', () => {
  assert.equal(backendFor('vxlan'), vxlan);
});

test('every other backend of flannel is said not to be built yet, with those that are', () => {
  for (const type of [...BACKEND_TYPES.filter((known) => known !== 'vxlan'), 'toString']) {
    assert.throws(
      () => backendFor(type),
      (error) =>
        error instanceof TartanError &&
        error.code === 'CONFIG_INVALID' &&
        error.message.includes(`"${type}"`) &&
        error.message.includes('not built yet') &&
        error.hint.includes('vxlan'),
    );
  }
});
