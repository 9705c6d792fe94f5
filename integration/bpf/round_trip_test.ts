/** What one host sends, another receives. The seed is printed; SEED=… runs the same packets again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Peer, Settings } from '../../src/plan/dataplane.ts';
import { loadPrograms, missing, nameVerdict, runProgram } from './programs.ts';
import { PEER, SETTINGS, sent } from './scene.ts';

const SECONDS = 20;
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

describe('a packet sent and received', { skip: missing() }, () => {
  const here: Peer = {
    subnet: SETTINGS.ownSubnet,
    publicIp: SETTINGS.underlayAddress,
    mac: SETTINGS.deviceMac,
  };
  const there: Settings = {
    ...SETTINGS,
    ownSubnet: PEER.subnet,
    underlayAddress: PEER.publicIp,
    deviceMac: PEER.mac,
  };

  it('is the packet that it was, whatever it is', (t) => {
    using sender = loadPrograms();
    using receiver = loadPrograms({ settings: there, peers: [here] });
    const fields = fc.record({
      tos: fc.nat({ max: 255 }),
      ttl: fc.nat({ max: 255 }),
      id: fc.nat({ max: 0xffff }),
      protocol: fc.nat({ max: 255 }),
      options: fc.nat({ max: 10 }).map((words) => Buffer.alloc(4 * words, 1)),
      dontFragment: fc.boolean(),
      moreFragments: fc.boolean(),
      fragmentOffset: fc.nat({ max: 0x1fff }).map((units) => 8 * units),
    });
    const payload = fc.uint8Array({ maxLength: 1400 }).map((bytes) => Buffer.from(bytes));
    t.diagnostic(`seed ${seed}`);
    fc.assert(
      fc.property(fields, payload, (ip, bytes) => {
        const packet = sent(ip, bytes);
        const onWire = runProgram(sender.programFd('vxlan_send'), packet);
        assert.equal(nameVerdict(onWire.verdict), 'redirected');
        const arrived = runProgram(receiver.programFd('vxlan_receive'), onWire.packet);
        assert.equal(nameVerdict(arrived.verdict), 'redirected');
        assert.deepEqual(arrived.packet.subarray(14), packet.subarray(14));
      }),
      { seed, numRuns: 5000, interruptAfterTimeLimit: SECONDS * 1000 },
    );
  });
});
