import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CHECKOUT } from '../../lab/host.ts';
import { run } from '../../lab/process.ts';
import { missing } from './requirements.ts';

describe('make test-kernel', { skip: missing() }, () => {
  it('says what passed, failed and was skipped there, and fails', async () => {
    const file = 'integration/vm/sample.ts';
    const { code, stdout } = await run(
      [`${CHECKOUT}/scripts/node`, `${CHECKOUT}/lab/vm/test_kernel.ts`, file],
      { limitSeconds: 120, mayFail: true },
    );
    assert.equal(code, 1);
    assert.match(stdout, /^k1 Linux \d/m, 'what the guest says is shown with its name');
    assert.match(stdout, /^again1 Linux \d/m, 'what fails is run once more, alone');
    assert.match(stdout, /^# pass 1\n# fail 1\n# skipped 1\n# not on this kernel 0$/m);
    assert(stdout.includes(`  skipped: ${file}: a sample > is skipped # no such thing here\n`));
    assert(stdout.includes(`  failed: ${file}: a sample > fails\n`));
    assert.equal(existsSync(`${CHECKOUT}/build/written-in-a-guest`), false);
  });
});
