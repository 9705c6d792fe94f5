/** The `endpoints` map: the pods that FastPath serves, by address. */
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import type { Endpoint } from '../plan/state.ts';
import { deleteElement, lookupElement, nextKey, updateElement } from '../sys/bpf.ts';
import type { OpenMaps } from './generation.ts';
import { endpointLayout } from './layouts.gen.ts';
import type { DeviceIndexes } from './settings.ts';
import { decodeStruct, encodeStruct } from './struct_codec.ts';

const UNKNOWN_MAC = '00:00:00:00:00:00';

/** Every endpoint, by address; the device of one whose interface is gone is empty. */
export function readEndpoints(maps: OpenMaps, devices: DeviceIndexes): Map<string, Endpoint> {
  const endpoints = new Map<string, Endpoint>();
  const value = Buffer.alloc(endpointLayout.size);
  for (const key of listKeys(maps)) {
    if (!lookupElement(maps.endpoints.fd, key, value)) continue;
    const { index, gateway_mac: gatewayMac } = decodeStruct(endpointLayout, value);
    const address = formatIpv4(key.readUInt32BE());
    endpoints.set(address, { address, device: devices.nameOf(index) ?? '', gatewayMac });
  }
  return endpoints;
}

function listKeys({ endpoints: { fd, maxEntries } }: OpenMaps): Buffer[] {
  const keys: Buffer[] = [];
  // The programs forget endpoints meanwhile, after which the kernel begins anew.
  while (keys.length < maxEntries) {
    const next = Buffer.alloc(4);
    if (!nextKey(fd, keys.at(-1) ?? null, next)) break;
    keys.push(next);
  }
  return keys;
}

/**
 * Writes endpoints, new ones and changed ones. What the programs have learned of one that stays on its interface is
 * kept.
 * @throws Error naming a device that is not there
 */
export function writeEndpoints(
  maps: OpenMaps,
  endpoints: readonly Endpoint[],
  devices: DeviceIndexes,
): void {
  for (const { address, device, gatewayMac } of endpoints) {
    const index = devices.indexOf(device);
    if (index === undefined) throw new Error(`there is no device ${device}`);
    const key = keyOf(address);
    const mac = learnedMac(maps, key, index);
    const struct = { index, seen: 0, gateway_mac: gatewayMac, mac };
    updateElement(maps.endpoints.fd, key, encodeStruct(endpointLayout, struct));
  }
}

function learnedMac(maps: OpenMaps, key: Buffer, index: number): string {
  const value = Buffer.alloc(endpointLayout.size);
  if (!lookupElement(maps.endpoints.fd, key, value)) return UNKNOWN_MAC;
  const before = decodeStruct(endpointLayout, value);
  return before.index === index ? before.mac : UNKNOWN_MAC;
}

/** Forgets endpoints; those that are not there are no error. */
export function removeEndpoints(maps: OpenMaps, addresses: readonly string[]): void {
  for (const address of addresses) deleteElement(maps.endpoints.fd, keyOf(address));
}

/** Network byte order. */
function keyOf(address: string): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32BE(parseIpv4(address));
  return key;
}
