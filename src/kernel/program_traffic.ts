/** What the programs of a generation have counted, for people and their tools. */
import { slotsBySubnet } from '../bpf/copy_traffic.ts';
import { readCounters, readTraffic } from '../bpf/counters.ts';
import { openMaps } from '../bpf/generation.ts';
import type { Pins } from '../bpf/pins.ts';
import type { PeerTraffic, ProgramTraffic } from './contract.ts';

/** @throws SystemError, or TartanError `PINS_FOREIGN`, if its maps cannot be read */
export function readProgramTraffic(pins: Pins, generation: string): ProgramTraffic {
  using maps = openMaps(pins, generation);
  const peers = new Map<string, PeerTraffic>();
  for (const [subnet, slot] of slotsBySubnet(maps)) {
    const traffic = readTraffic(maps, slot);
    peers.set(subnet, {
      sentPackets: traffic.sent_packets,
      sentBytes: traffic.sent_bytes,
      receivedPackets: traffic.received_packets,
      receivedBytes: traffic.received_bytes,
    });
  }
  const counters = Object.entries(readCounters(maps)).filter(([, count]) => count > 0);
  return { peers, counters: Object.fromEntries(counters) };
}
