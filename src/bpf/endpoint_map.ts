/** The `endpoints` map: the pods that FastPath serves, each at the place that the last bits of its address name. */
import { TartanError } from '../errors.ts';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import type { Endpoint } from '../plan/dataplane.ts';
import { lookupBatch, lookupElement, readBatches, updateElement } from '../sys/bpf.ts';
import { endpointLayout } from './layouts.gen.ts';
import { fitValues, indexKey, type OpenMap, type OpenMaps } from './open_map.ts';
import type { DeviceIndexes } from './settings.ts';
import { decodeStruct, encodeStruct, type StructOf } from './struct_codec.ts';

export type EndpointMap = Pick<OpenMaps, 'endpoints'>;

const UNKNOWN_MAC = '00:00:00:00:00:00';

/** Every endpoint, by address; the device of one whose interface is gone is empty. */
export function readEndpoints(maps: EndpointMap, devices: DeviceIndexes): Map<string, Endpoint> {
  const { fd, maxEntries, valueSize } = maps.endpoints;
  const found = Buffer.alloc(valueSize * maxEntries);
  const count = lookupBatch(fd, Buffer.alloc(4 * maxEntries), found, maxEntries);
  const values = fitValues(found, valueSize, endpointLayout.size);
  const endpoints = new Map<string, Endpoint>();
  for (let place = 0; place < count; place += 1) {
    const at = place * endpointLayout.size;
    if (values.readUInt32LE(at + endpointLayout.fields.address.offset) === 0) continue;
    const struct = decodeStruct(endpointLayout, values, at);
    const address = formatIpv4(struct.address);
    const device = devices.nameOf(struct.index) ?? '';
    endpoints.set(address, { address, device, gatewayMac: struct.gateway_mac });
  }
  return endpoints;
}

/**
 * Writes endpoints, new ones and changed ones. What the programs have learned of one that stays on its interface is
 * kept. One whose interface vanished a moment ago is left out: it needs no service any more.
 * @throws TartanError `KERNEL` if another endpoint has the place
 */
export function writeEndpoints(
  maps: OpenMaps,
  endpoints: readonly Endpoint[],
  devices: DeviceIndexes,
): void {
  for (const { address: text, device, gatewayMac } of endpoints) {
    const index = devices.indexOf(device);
    if (index === undefined) continue;
    const address = parseIpv4(text);
    const place = placeOf(maps, address);
    const before = readPlace(maps, place);
    if (before.address !== 0 && before.address !== address) throw placeTaken(text, before, maps);
    const mac = before.index === index ? before.mac : UNKNOWN_MAC;
    writePlace(maps, place, { address, index, seen: 0, gateway_mac: gatewayMac, mac });
  }
}

function placeTaken(address: string, other: EndpointStruct, maps: OpenMaps): TartanError {
  return new TartanError(
    'KERNEL',
    `no place for the endpoint ${address}: ${formatIpv4(other.address)} has the same last bits`,
    `Of a subnet with more than ${maps.endpoints.maxEntries} addresses, FastPath serves as many; remove the other endpoint, or leave this one to the host.`,
  );
}

/** Forgets endpoints; those that are not there are no error. */
export function removeEndpoints(maps: OpenMaps, addresses: readonly string[]): void {
  const nobody = { address: 0, index: 0, seen: 0, gateway_mac: UNKNOWN_MAC, mac: UNKNOWN_MAC };
  for (const address of addresses.map(parseIpv4)) {
    const place = placeOf(maps, address);
    if (readPlace(maps, place).address === address) writePlace(maps, place, nobody);
  }
}

type EndpointStruct = StructOf<typeof endpointLayout>;

function placeOf({ endpoints: { maxEntries } }: EndpointMap, address: number): number {
  return address % maxEntries;
}

function readPlace(maps: OpenMaps, place: number): EndpointStruct {
  const value = Buffer.alloc(endpointLayout.size);
  lookupElement(maps.endpoints.fd, indexKey(place), value);
  return decodeStruct(endpointLayout, value);
}

function writePlace(maps: OpenMaps, place: number, struct: EndpointStruct): void {
  updateElement(maps.endpoints.fd, indexKey(place), encodeStruct(endpointLayout, struct));
}

/** Endpoints of a map with another number of places; of two that have the same place now, one is left out. */
export function moveEndpoints(from: OpenMap, to: OpenMap): void {
  for (const { values, count } of readBatches(from.fd, from.keySize, from.valueSize)) {
    const fitted = fitValues(values, from.valueSize, to.valueSize);
    for (let at = 0; at < count; at += 1) {
      const value = fitted.subarray(at * to.valueSize, (at + 1) * to.valueSize);
      const address = value.readUInt32BE(endpointLayout.fields.address.offset);
      if (address !== 0) updateElement(to.fd, indexKey(placeOf({ endpoints: to }, address)), value);
    }
  }
}
