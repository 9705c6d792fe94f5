/**
 * Traffic by peer, in Prometheus's text format: four lines a peer, of which there are thousands. prom-client takes ten
 * times as long for them, all of it at once.
 */
import { setImmediate } from 'node:timers/promises';
import type { ProgramTraffic } from '../agent/figures.ts';
import type { Reading } from './reading.ts';

type PeerTraffic = ProgramTraffic['peers'] extends ReadonlyMap<string, infer T> ? T : never;

interface Family {
  readonly name: `tartan_${string}`;
  readonly help: string;
  readonly sent: keyof PeerTraffic;
  readonly received: keyof PeerTraffic;
}

export const FAMILIES: readonly Family[] = [
  {
    name: 'tartan_peer_packets_total',
    help: 'Packets to and from the host that has the subnet, as on the wire',
    sent: 'sentPackets',
    received: 'receivedPackets',
  },
  {
    name: 'tartan_peer_bytes_total',
    help: 'Bytes of inner IP packets to and from the host that has the subnet',
    sent: 'sentBytes',
    received: 'receivedBytes',
  },
];

/** Peers between which other work has its turn: a millisecond or two. */
const AT_ONCE = 500;

/** Empty where nothing counts. */
export async function peerTrafficText(readings: readonly Reading[]): Promise<string> {
  const parts: string[] = [];
  for (const { name, help, sent, received } of FAMILIES) {
    parts.push(`\n# HELP ${name} ${help}\n# TYPE ${name} counter\n`);
    for (const { network, traffic } of readings) {
      let count = 0;
      for (const [subnet, counted] of traffic?.peers ?? []) {
        count += 1;
        if (count % AT_ONCE === 0) await setImmediate();
        const peer = `${name}{network="${network}",subnet="${subnet}",direction=`;
        parts.push(`${peer}"sent"} ${counted[sent]}\n${peer}"received"} ${counted[received]}\n`);
      }
    }
  }
  return parts.join('');
}
