import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpoints } from '../../src/store/etcd_options.ts';
import { readTlsFiles } from '../../src/store/tls_files.ts';

test('endpoints are URLs with host and port', () => {
  for (const [text, host, port, url] of [
    ['http://127.0.0.1:4001', '127.0.0.1', 4001, 'http://127.0.0.1:4001'],
    ['http://etcd.example', 'etcd.example', 2379, 'http://etcd.example'],
    ['https://etcd.example:443/', 'etcd.example', 443, 'https://etcd.example'],
    ['http://etcd.example:80', 'etcd.example', 80, 'http://etcd.example'],
    ['https://[fd00::1]:2379', 'fd00::1', 2379, 'https://[fd00::1]:2379'],
    ['http://[::1]', '::1', 2379, 'http://[::1]'],
  ] as const) {
    const isSecure = text.startsWith('https');
    assert.deepEqual(parseEndpoints([text]), [{ url, host, port, isSecure }]);
  }
});

test('what is no endpoint is wrong use', () => {
  for (const text of [
    '',
    '127.0.0.1:2379',
    'unix:///run/etcd',
    'http://',
    'http://a/b',
    'http://a?b',
    'http://a:99999',
  ]) {
    assert.throws(() => parseEndpoints([text]), { code: 'USAGE' }, text);
  }
  assert.throws(() => parseEndpoints([]), { code: 'USAGE' });
});

test('half a key pair is wrong use', () => {
  assert.throws(() => readTlsFiles('etcd', { keyfile: '/key.pem' }), { code: 'USAGE' });
  assert.deepEqual(readTlsFiles('etcd', {}), {
    rootCertificate: null,
    privateKey: null,
    certChain: null,
  });
});
