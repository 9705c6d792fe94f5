import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TartanError } from '../../src/errors.ts';
import { isLost, noAnswer, refusal } from '../../src/store/http_errors.ts';
import { parseRemote } from '../../src/store/http_options.ts';

test('--remote is a host and a port', () => {
  for (const [text, host, port] of [
    ['10.0.0.1:8889', '10.0.0.1', 8889],
    ['store.example:1', 'store.example', 1],
    ['localhost:65535', 'localhost', 65_535],
    ['[fd00::1]:8889', 'fd00::1', 8889],
  ] as const) {
    assert.deepEqual(parseRemote(text), { host, port });
  }
  for (const text of [
    ...['', 'host', 'host:', ':1', 'host:0', 'host:65536', 'http://host:1', 'host:1/path'],
    ...['fd00::1:1', '[host]:1', '10.0.0.256:1', '-x:1', 'a b:1', 'me:s3cret@host:1'],
  ]) {
    assert.throws(
      () => parseRemote(text),
      (error: TartanError) => error.code === 'USAGE' && !error.message.includes('s3cret'),
      text,
    );
  }
});

test('an answer that says no is the same error here, if it is one of ours', () => {
  const body = (code: string) => JSON.stringify({ code, message: 'm\u001b[1m', hint: 'h' });
  const denied = refusal('server a:1', 403, body('PERMISSION'));
  assert.deepEqual(
    [denied.code, denied.message, denied.hint],
    ['PERMISSION', 'server a:1: m [1m', 'h'],
  );
  assert.equal(refusal('s', 429, body('BUSY')).exitCode, 75);
  assert.equal(refusal('s', 400, body('USAGE')).code, 'STORE_FAILED', 'not this command’s use');
  assert.equal(refusal('s', 500, body('ROOT')).code, 'STORE_FAILED');
  for (const text of ['', '<html>', 'null', '{"code":"PERMISSION"}']) {
    const { code, message } = refusal('server a:1', 502, text);
    assert.equal(code, 'STORE_FAILED');
    assert.match(message, /answers 502, and not as/);
  }
  assert.equal(refusal('s', 503, '').code, 'STORE_UNAVAILABLE');
});

test('no answer: away, or not to be trusted', () => {
  const failure = (code: string, message = code) => Object.assign(new Error(message), { code });
  const codeFor = (code: string, message?: string) => noAnswer('s', failure(code, message)).code;
  assert.equal(codeFor('ECONNREFUSED'), 'STORE_UNAVAILABLE');
  assert.equal(codeFor('CERT_HAS_EXPIRED'), 'STORE_FAILED');
  assert.equal(codeFor('ERR_TLS_CERT_ALTNAME_INVALID'), 'STORE_FAILED');
  assert.equal(codeFor('EPROTO', 'wrong version number'), 'STORE_FAILED');
  assert.equal(codeFor('HPE_INVALID_CONSTANT'), 'STORE_FAILED');
  assert.deepEqual(
    ['ECONNRESET', 'EPIPE', 'ECONNREFUSED', 'CERT_HAS_EXPIRED'].map((code) =>
      isLost(failure(code)),
    ),
    [true, true, false, false],
  );
});
