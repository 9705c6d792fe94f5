import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { serviceManagerOf } from '../../src/sys/service_manager.ts';
import { openServiceSocket } from '../lifecycle/service_socket.ts';

const PID = 4711;

describe('a service manager', () => {
  it('hears at a path and at an abstract name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tartan-notify-'));
    try {
      for (const path of [`${folder}/socket`, `@${folder}`]) {
        using socket = openServiceSocket(path);
        const manager = serviceManagerOf({ NOTIFY_SOCKET: path }, PID) ?? assert.fail();
        manager.notify('READY=1');
        manager.notify('STATUS=größer\nWATCHDOG=1');
        assert.deepEqual(socket.told(), ['READY=1', 'STATUS=größer\nWATCHDOG=1']);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is none without its variable', () => {
    assert.equal(serviceManagerOf({}, PID), null);
    assert.equal(serviceManagerOf({ NOTIFY_SOCKET: '' }, PID), null);
  });

  it('that nobody is, or no address can be, is an error that says so', () => {
    for (const path of ['/nowhere/at/all', '@nobody', 'relative', `/${'x'.repeat(200)}`]) {
      const manager = serviceManagerOf({ NOTIFY_SOCKET: path }, PID) ?? assert.fail();
      assert.throws(() => manager.notify('READY=1'), { name: 'SystemError' });
    }
  });

  it('watches the process that it means, and none by a time that cannot be', () => {
    const watchdogOf = (variables: Record<string, string>) =>
      serviceManagerOf({ NOTIFY_SOCKET: '/x', ...variables }, PID)?.watchdogMs;
    assert.equal(watchdogOf({ WATCHDOG_USEC: '3000000' }), 3000);
    assert.equal(watchdogOf({ WATCHDOG_USEC: '3000000', WATCHDOG_PID: String(PID) }), 3000);
    assert.equal(watchdogOf({ WATCHDOG_USEC: '3000000', WATCHDOG_PID: '1' }), null);
    for (const usec of ['0', '-1', 'x', ''])
      assert.equal(watchdogOf({ WATCHDOG_USEC: usec }), null);
  });
});
