import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freeSlot } from '../../src/bpf/filters.ts';

const filter = (priority: number, name = 'somebody') => ({ name, priority, handle: 116 });

describe("a filter's place", () => {
  for (const [where, filters, priority] of [
    ['nobody has any', [], 8472],
    ['others have filters before and behind', [filter(1), filter(49152)], 8472],
    ['others have ours, and the next', [filter(8472), filter(8473)], 8474],
    ['another network has one', [filter(8472, 'tartan:blue:vxlan_check')], 8473],
    ['the first of two networks has gone', [filter(8473, 'tartan:blue:vxlan_check')], 8474],
    ['others stand behind another network', [filter(8472, 'tartan:blue:x'), filter(8473)], 8474],
  ] as const) {
    it(`where ${where}: ${priority}`, () => {
      assert.deepEqual(freeSlot(filters), { priority, handle: 116 });
    });
  }
});
