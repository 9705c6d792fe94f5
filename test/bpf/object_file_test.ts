import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBuild } from '../../src/bpf/object_file.ts';

test("a build is the file's, and another one once conntrack's module is loaded", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tartan-test-'));
  try {
    const path = join(folder, 'programs.o');
    const types = join(folder, 'nf_conntrack');
    const read = () => readBuild({ path, programs: [] }, types);
    assert.equal(read(), null);
    await writeFile(path, 'programs');
    const before = read();
    assert.equal(read(), before);
    await writeFile(types, 'types');
    const after = read();
    assert.notEqual(after, before);
    await writeFile(path, 'other programs');
    assert.notEqual(read(), after);
  } finally {
    await rm(folder, { recursive: true });
  }
});
