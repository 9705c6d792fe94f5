import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTACH_WORDS, chooseAttach } from '../../src/agent/attach_choice.ts';
import { OPTIONS } from '../../src/cli/options.ts';
import type { XdpWays } from '../../src/kernel/contract.ts';

const hardware: XdpWays = { isBuilt: true, kind: null, native: true, foreignProgram: null };

for (const [by, tcx, chosen] of [
  ['auto', true, 'tcx'],
  ['auto', false, 'clsact'],
  ['tcx', true, 'tcx'],
  ['clsact', true, 'clsact'],
  ['clsact', false, 'clsact'],
] as const) {
  test(`${by}, ${tcx ? 'with' : 'without'} TCX: ${chosen}`, () => {
    const ways = { tcx, xdp: null };
    assert.deepEqual(chooseAttach({ by, force: false }, ways, 'eth0'), { by: chosen, xdp: false });
  });
}

test('tcx where the kernel has none is missed', () => {
  assert.throws(() => chooseAttach({ by: 'tcx', force: true }, { tcx: false, xdp: null }, 'eth0'), {
    code: 'MISSING',
    hint: /Linux 6\.6.*--attach clsact/,
  });
});

for (const tcx of [true, false]) {
  test(`xdp comes beside ${tcx ? 'TCX' : 'clsact'}`, () => {
    const attach = chooseAttach({ by: 'xdp', force: false }, { tcx, xdp: hardware }, 'eth0');
    assert.deepEqual(attach, { by: tcx ? 'tcx' : 'clsact', xdp: true });
  });
}

for (const [what, change, message] of [
  ['a veth', { kind: 'veth' }, /eth0 is one end of a veth cable, where XDP is slower/],
  ['generic mode alone', { native: false }, /driver of eth0 has no native XDP/],
] as const) {
  test(`xdp on ${what} is refused with the reason, unless forced`, () => {
    const ways = { tcx: true, xdp: { ...hardware, ...change } };
    assert.throws(() => chooseAttach({ by: 'xdp', force: false }, ways, 'eth0'), {
      code: 'INTERFACE',
      message,
      hint: /--force/,
    });
    assert.equal(chooseAttach({ by: 'xdp', force: true }, ways, 'eth0').xdp, true);
  });
}

test('a kernel that does not say what the driver can is tried', () => {
  const ways = { tcx: true, xdp: { ...hardware, native: null } };
  assert.equal(chooseAttach({ by: 'xdp', force: false }, ways, 'eth0').xdp, true);
});

for (const [what, change, code] of [
  ["somebody else's program", { foreignProgram: { id: 17, network: null } }, 'INTERFACE'],
  ["another network's program", { foreignProgram: { id: 17, network: 'blue' } }, 'INTERFACE'],
  ['no program of ours', { isBuilt: false }, 'MISSING'],
] as const) {
  test(`${what}: no force helps`, () => {
    const ways = { tcx: true, xdp: { ...hardware, ...change } };
    assert.throws(() => chooseAttach({ by: 'xdp', force: true }, ways, 'eth0'), { code });
  });
}

test('the option knows the same words', () => {
  for (const word of ATTACH_WORDS) assert.equal(OPTIONS.attach.value.read([word]), word);
});
