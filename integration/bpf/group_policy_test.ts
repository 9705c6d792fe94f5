/** With GBP on, a packet's mark travels along as group policy (draft-smith-vxlan-group-policy), both ways. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { assertHandedOn } from './expect.ts';
import { loadPrograms, missing, type ProgramName, type Programs, VERDICT } from './programs.ts';
import { makeQuickRunner } from './quick_run.ts';
import { decapsulated, ENDPOINT, fromPod, PEER, received, SETTINGS, sent } from './scene.ts';
import { loadStage } from './stage.ts';

const WITH_VNI = 0x0800_0000;
const WITH_POLICY = 0x8000_0000;
/** Of the mark: D, A and the group's sixteen bits. */
const POLICY = 0x0048_ffff;
const MARKS = [1, 0xffff, 0x0040_0000, 0x0008_0000, POLICY, 0xffff_ffff, 0x8000_0000];

const flagsOf = (packet: Buffer) => packet.readUInt32BE(42);

describe('group policy', { skip: missing('clang') }, () => {
  const programs = loadPrograms({
    settings: { ...SETTINGS, gbp: true, fastPath: true },
    endpoints: [ENDPOINT],
  });
  const plain = loadPrograms({
    settings: { ...SETTINGS, fastPath: true },
    endpoints: [ENDPOINT],
  });
  const stage = loadStage(programs);
  after(() => {
    stage[Symbol.dispose]();
    plain[Symbol.dispose]();
    programs[Symbol.dispose]();
  });

  /** Runs a program on a packet with a mark, which is what it has at the end. */
  function run(by: Programs, program: ProgramName, packet: Buffer, before = 0) {
    const runner = makeQuickRunner(by.programFd(program));
    packet.copy(runner.input);
    runner.setContext({ mark: before });
    const verdict = runner.run(packet.length);
    const out = Buffer.from(runner.output.subarray(0, runner.outputLength()));
    return { verdict, packet: out, mark: runner.mark() };
  }

  for (const [program, packet] of [
    ['vxlan_send', sent()],
    ['endpoint_send', fromPod()],
  ] as const) {
    it(`${program} sends the mark along`, () => {
      for (const mark of MARKS) {
        const out = run(programs, program, packet, mark);
        const policy = ((mark & POLICY) | WITH_POLICY | WITH_VNI) >>> 0;
        assert.equal(flagsOf(out.packet), policy, mark.toString(16));
        assert.equal(out.mark, mark, 'its own mark stays');
      }
    });

    it(`${program} sends no policy where there is no mark, or GBP is off`, () => {
      assert.equal(flagsOf(run(programs, program, packet).packet), WITH_VNI);
      assert.equal(flagsOf(run(plain, program, packet, 0xffff).packet), WITH_VNI);
    });
  }

  it('vxlan_receive takes the mark from the policy', () => {
    for (const mark of MARKS) {
      const flags = ((mark & POLICY) | WITH_POLICY | WITH_VNI) >>> 0;
      const out = run(programs, 'vxlan_receive', received({ vxlan: { flags } }), 0x1234);
      assert.equal(out.verdict, VERDICT.redirected);
      assert.equal(out.mark, mark & POLICY);
    }
  });

  it('vxlan_receive leaves the mark alone where no policy came', () => {
    const out = run(programs, 'vxlan_receive', received(), 0x1234);
    assert.deepEqual([out.verdict, out.mark], [VERDICT.redirected, 0x1234]);
  });

  for (const flags of [0x8800_0001, 0x8800_0000]) {
    it(`vxlan_receive does not know ${flags.toString(16)} while GBP is off`, () => {
      const packet = received({ vxlan: { flags } });
      assertHandedOn(plain.run('vxlan_receive', packet), packet, 'other_vni');
    });
  }

  for (const flags of [
    0xc800_0000, 0x8900_0000, 0x8880_0000, 0x8810_0000, 0x8000_0001, 0x0c00_0000,
  ]) {
    it(`vxlan_receive does not know ${flags.toString(16)} with GBP either`, () => {
      const packet = received({ vxlan: { flags } });
      assertHandedOn(programs.run('vxlan_receive', packet), packet, 'other_vni');
    });
  }

  it('vxlan_check takes the mark that the kernel’s device has read', () => {
    for (const policy of [1, POLICY]) {
      const steps = { tunnelSource: PEER.publicIp, policy };
      assert.equal(stage.markAfter('vxlan_check', decapsulated(), steps), policy);
    }
  });

  it('vxlan_check leaves the mark alone where no policy came', () => {
    const steps = { tunnelSource: PEER.publicIp, mark: 7 };
    assert.equal(stage.markAfter('vxlan_check', decapsulated(), steps), 7);
  });

  it('vxlan_check leaves the mark alone while GBP is off', () => {
    using without = loadStage(plain);
    const steps = { tunnelSource: PEER.publicIp, policy: 1, mark: 7 };
    assert.equal(without.markAfter('vxlan_check', decapsulated(), steps), 7);
  });
});
