import assert from 'node:assert/strict';
import { it } from 'node:test';
import { lineWriter } from '../../lab/vm/lines.ts';
import { qemuCommand } from '../../lab/vm/qemu.ts';

it('text in pieces becomes lines', () => {
  const lines: string[] = [];
  const write = lineWriter((line) => lines.push(line));
  for (const piece of ['on', 'e\ntwo\nth', '', 'ree\n', '\nrest']) write(piece);
  assert.deepEqual(lines, ['one', 'two', 'three', '']);
});

it('a path with a comma, which qemu would read as an option, is refused', () => {
  const machine = { name: 'k1', kernel: '/k', memoryMegabytes: 64, console: '/c', output: null };
  assert.throws(
    () => qemuCommand({ ...machine, share: '/a,readonly=off' }),
    /no path with a comma/,
  );
  assert(qemuCommand({ ...machine, share: '/a b' }).some((word) => word.includes('path=/a b,')));
});

it('the machine’s own root is read-only in a guest', () => {
  const argv = qemuCommand({
    ...{ name: 'k1', kernel: '/k', memoryMegabytes: 64, console: '/c', share: '/s' },
    output: { stdout: '/o', stderr: '/e' },
  });
  assert.deepEqual(
    argv.filter((word) => word.includes(',path=/,')),
    ['local,id=machine,path=/,security_model=none,readonly=on,multidevs=remap'],
  );
});
