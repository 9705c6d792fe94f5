/** What the programs of a generation have counted, for people and their tools. */
import { setImmediate } from 'node:timers/promises';
import { slotsBySubnet } from '../bpf/copy_traffic.ts';
import { readCounters, readTrafficOfAll } from '../bpf/counters.ts';
import { openMaps } from '../bpf/generation.ts';
import type { Pins } from '../bpf/pins.ts';
import type { PeerTraffic, ProgramTraffic } from './contract.ts';

/** A millisecond or two, where each peer takes a system call. */
const AT_ONCE = 200;

/** @throws SystemError, or TartanError `PINS_FOREIGN`, if its maps cannot be read */
export async function readProgramTraffic(pins: Pins, generation: string): Promise<ProgramTraffic> {
  using maps = openMaps(pins, generation);
  const subnets = new Map(Array.from(slotsBySubnet(maps), ([subnet, slot]) => [slot, subnet]));
  const peers = new Map<string, PeerTraffic>();
  for (const [subnet, traffic] of readTrafficOfAll(maps, subnets)) {
    if (peers.size % AT_ONCE === AT_ONCE - 1) await setImmediate();
    peers.set(subnet, {
      sentPackets: traffic.sent_packets,
      sentBytes: traffic.sent_bytes,
      receivedPackets: traffic.received_packets,
      receivedBytes: traffic.received_bytes,
    });
  }
  return { peers, counters: readCounters(maps) };
}
