import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TartanError } from '../../src/errors.ts';
import { parseStoreUrl } from '../../src/store/select.ts';

test('file: takes a whole path, as it stands', () => {
  for (const [text, path] of [
    ['file:/var/lib/tartan/net.db', '/var/lib/tartan/net.db'],
    ['file:///var/lib/tartan/net.db', '/var/lib/tartan/net.db'],
    ['FILE:/net.db', '/net.db'],
    ['file:/a//b/../net.db', '/a/net.db'],
    ['file:/with space/100%25?.db', '/with space/100%25?.db'],
  ] as const) {
    assert.deepEqual(parseStoreUrl(text), { kind: 'file', path });
  }
});

test('what is no store is wrong use, and named', () => {
  for (const [text, message] of [
    ['', /"" names no kind of store/],
    ['/var/lib/net.db', /"\/var\/lib\/net\.db" names no kind of store/],
    ['file:', /has no path/],
    ['file://', /has no path/],
    ['file:net.db', /relative path, "net\.db"/],
    ['file://host/net.db', /relative path, "host\/net\.db"/],
    ['file:/', /names a folder/],
    ['file:/var/lib/', /names a folder/],
    ['file:/a\0b', /NUL/],
    ['http://127.0.0.1:8888', /http: is no store/],
    ['https://me:s3cret@host', /https: is no store/],
    ['redis://me:s3cret@host', /"redis:…" is of no known kind/],
  ] as const) {
    assert.throws(
      () => parseStoreUrl(text),
      (error: TartanError) => {
        assert.deepEqual([error.code, error.exitCode], ['USAGE', 2]);
        assert.match(error.message, message);
        assert.doesNotMatch(`${error.message}${error.stack}`, /s3cret/);
        return true;
      },
    );
  }
});
