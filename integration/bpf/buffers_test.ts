import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { peerLayout } from '../../src/bpf/layouts.gen.ts';
import { lookupBatch } from '../../src/sys/bpf.ts';
import { loadPrograms, missing } from './programs.ts';

const COUNT = 16;
/** A tenth of it is enough for compiled code, which lets go of a buffer as soon as it can. */
const CALLS = 100_000;

describe('buffers that the kernel writes into', { skip: missing() }, () => {
  it('live until the call has ended, whatever is collected meanwhile', () => {
    using programs = loadPrograms();
    const values = Buffer.alloc(COUNT * peerLayout.size);
    let garbage: Buffer[] = [];
    for (let call = 0; call < CALLS; call += 1) {
      // Freed too early, the memory of the keys would be the garbage's, or the allocator's own.
      lookupBatch(programs.maps.peers.fd, Buffer.alloc(4 * COUNT), values, COUNT);
      garbage.push(Buffer.alloc(72));
      if (garbage.length < 1000) continue;
      for (const buffer of garbage) assert(buffer.every((byte) => byte === 0));
      garbage = [];
    }
  });
});
