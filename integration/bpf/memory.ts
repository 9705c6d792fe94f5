/** What the programs remember between two packets, read and changed from outside. */
import { endpointLayout, trafficLayout } from '../../src/bpf/layouts.gen.ts';
import type { OpenMaps } from '../../src/bpf/open_map.ts';
import { decodeStruct, encodeStruct, type StructOf } from '../../src/bpf/struct_codec.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { lookupElement, possibleCpus, updateElement } from '../../src/sys/bpf.ts';

type EndpointStruct = StructOf<typeof endpointLayout>;
type TrafficStruct = StructOf<typeof trafficLayout>;

function keyOf(index: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
}

/** What stands at the place of an endpoint's address. */
export function readEndpoint(maps: OpenMaps, address: string): EndpointStruct {
  const value = Buffer.alloc(endpointLayout.size);
  const key = keyOf(parseIpv4(address) % maps.endpoints.maxEntries);
  lookupElement(maps.endpoints.fd, key, value);
  return decodeStruct(endpointLayout, value);
}

export function changeEndpoint(
  maps: OpenMaps,
  address: string,
  changes: Partial<EndpointStruct>,
): void {
  const struct = { ...readEndpoint(maps, address), ...changes };
  const key = keyOf(parseIpv4(address) % maps.endpoints.maxEntries);
  updateElement(maps.endpoints.fd, key, encodeStruct(endpointLayout, struct));
}

/** The way to a peer, and what was counted, on every CPU. */
export function readTrafficStructs(maps: OpenMaps, slot: number): TrafficStruct[] {
  const value = Buffer.alloc(trafficLayout.size * possibleCpus());
  lookupElement(maps.peer_counters.fd, keyOf(slot), value);
  return Array.from({ length: possibleCpus() }, (_, cpu) =>
    decodeStruct(trafficLayout, value, cpu * trafficLayout.size),
  );
}

export function changeTraffic(maps: OpenMaps, slot: number, changes: Partial<TrafficStruct>): void {
  const structs = readTrafficStructs(maps, slot).map((struct) =>
    encodeStruct(trafficLayout, { ...struct, ...changes }),
  );
  updateElement(maps.peer_counters.fd, keyOf(slot), Buffer.concat(structs));
}
