import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostGw } from '../../src/backend/host_gw.ts';
import { backendFor } from '../../src/backend/table.ts';
import { udp } from '../../src/backend/udp.ts';
import { vxlan } from '../../src/backend/vxlan.ts';
import { TartanError } from '../../src/errors.ts';
import { BACKEND_TYPES } from '../../src/lease/backend_config.ts';

test('what is built is found by flannel’s name', () => {
  assert.equal(backendFor('vxlan'), vxlan);
  assert.equal(backendFor('udp'), udp);
  assert.equal(backendFor('host-gw'), hostGw);
});

test('every other backend of flannel is said not to be built yet, with those that are', () => {
  const built = ['vxlan', 'udp', 'host-gw'];
  for (const type of [...BACKEND_TYPES.filter((known) => !built.includes(known)), 'toString']) {
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
