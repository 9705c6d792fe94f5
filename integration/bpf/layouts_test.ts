import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing } from './programs.ts';

const GENERATOR = fileURLToPath(new URL('../../scripts/gen_layouts.ts', import.meta.url));

describe('src/bpf/layouts.gen.ts', { skip: missing('bpftool') }, () => {
  it('is what the BTF of the built object says', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', GENERATOR, '--check'],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
  });
});
