import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CHECKOUT } from '../lab/host.ts';
import { folderOf, namespacesOf } from '../lab/names.ts';
import { run } from '../lab/process.ts';
import { waitFor } from '../lab/ready.ts';

const LABS = ['demo', 'demonative', 'demovxlan'];

function leftovers(): string[] {
  return LABS.flatMap((lab) => [
    ...namespacesOf(lab),
    ...(existsSync(folderOf(lab)) ? [folderOf(lab)] : []),
  ]);
}

describe('make demo', () => {
  it('ends with the tables, and leaves nothing', async () => {
    const devices = readdirSync('/sys/class/net');
    const { stdout } = await run([`${CHECKOUT}/scripts/node`, `${CHECKOUT}/lab/demo.ts`], {
      limitSeconds: 60,
    });
    for (const host of ['a', 'b', 'c']) {
      assert.match(
        stdout,
        new RegExp(`^${host} +192\\.168\\.77\\.\\d+ +10\\.5\\.\\d+\\.0/24 +1450$`, 'm'),
      );
      assert.match(stdout, new RegExp(`^${host}-pod1 10\\.5\\.\\d+\\.2 +yes +yes +yes$`, 'm'));
    }
    for (const rate of ['without overlay', "the kernel's own vxlan", 'tartan']) {
      assert.match(stdout, new RegExp(`^${rate} +[1-9]\\d*\\.\\d Gb/s +\\d+ %$`, 'm'));
    }
    assert.deepEqual(leftovers(), []);
    assert.deepEqual(readdirSync('/sys/class/net'), devices);
  });

  for (const step of [
    'three hosts',
    'network config',
    'TCP through tartan',
    'TCP without overlay',
  ]) {
    it(`SIGINT at "${step}" leaves nothing and ends with 130`, async () => {
      const demo = spawn(`${CHECKOUT}/scripts/node`, [`${CHECKOUT}/lab/demo.ts`]);
      const ended = once(demo, 'exit');
      let said = '';
      demo.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      await waitFor(step, () => said.includes(step), { limitSeconds: 30, everyMilliseconds: 5 });
      demo.kill('SIGINT');
      assert.deepEqual(await ended, [130, null]);
      assert.deepEqual(leftovers(), []);
    });
  }
});
