import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TartanError } from '../../src/errors.ts';
import { parseConfig } from '../../src/lease/config.ts';

test('no error shows a secret', () => {
  const secret = 'hunter2-hunter2';
  const texts = [
    JSON.stringify({ Network: '10.5.0.0/16', Backend: { Type: 'ipsec', PSK: secret } }),
    JSON.stringify({ Network: '10.5.0.0/16', Backend: { Type: 'wireguard', PSK: [secret] } }),
    JSON.stringify({
      ...{ Network: '10.5.0.0/16' },
      Backend: { Type: 'ali-vpc', AccessKeySecret: { key: secret } },
    }),
    `{"Backend":{"PSK":"${secret}"`,
    `{"PSK":"${secret}" x}`,
    `${secret}`,
  ];
  for (const text of texts) {
    assert.throws(
      () => parseConfig(text),
      (error) =>
        error instanceof TartanError &&
        error.cause === undefined &&
        !`${error.stack}${error.hint}`.includes('hunter2'),
    );
  }
});
