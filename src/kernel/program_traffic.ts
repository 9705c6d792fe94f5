/** What the programs of a generation have counted, for people and their tools. */
import { setImmediate } from 'node:timers/promises';
import { slotsBySubnet } from '../bpf/copy_traffic.ts';
import { readCounters, trafficReader } from '../bpf/counters.ts';
import { openMaps } from '../bpf/generation.ts';
import type { Pins } from '../bpf/pins.ts';
import type { PeerTraffic, ProgramTraffic } from './contract.ts';

/** Of each peer a system call: so many are a millisecond or two. */
const AT_ONCE = 200;

/** @throws SystemError, or TartanError `PINS_FOREIGN`, if its maps cannot be read */
export async function readProgramTraffic(pins: Pins, generation: string): Promise<ProgramTraffic> {
  using maps = openMaps(pins, generation);
  const read = trafficReader(maps);
  const peers = new Map<string, PeerTraffic>();
  for (const [subnet, slot] of slotsBySubnet(maps)) {
    if (peers.size % AT_ONCE === AT_ONCE - 1) await setImmediate();
    const traffic = read(slot);
    peers.set(subnet, {
      sentPackets: traffic.sent_packets,
      sentBytes: traffic.sent_bytes,
      receivedPackets: traffic.received_packets,
      receivedBytes: traffic.received_bytes,
    });
  }
  return { peers, counters: readCounters(maps) };
}
