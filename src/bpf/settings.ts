/** The `settings` map: one struct, between the plan's words and the programs'. */
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import { formatPrefix, parsePrefix, prefixMask, prefixOf } from '../net/prefix.ts';
import type { Settings } from '../plan/dataplane.ts';
import { updateElement } from '../sys/bpf.ts';
import { settingsLayout } from './layouts.gen.ts';
import { lookupStruct, type OpenMaps } from './open_map.ts';
import { encodeStruct, type StructOf } from './struct_codec.ts';

/** Interface indexes by name, and back. */
export interface DeviceIndexes {
  indexOf(name: string): number | undefined;
  nameOf(index: number): string | undefined;
}

type SettingsStruct = StructOf<typeof settingsLayout>;

const KEY = Buffer.alloc(4);

/** What a map is read of: other versions' have the settings too, and maybe not the rest. */
export type SettingsMap = Pick<OpenMaps, 'settings_map'>;

export function readSettingsStruct(maps: SettingsMap): SettingsStruct {
  const struct = lookupStruct(maps.settings_map, settingsLayout, KEY);
  if (struct === null) throw new Error('an array has no element 0');
  return struct;
}

function writeSettingsStruct(maps: OpenMaps, settings: SettingsStruct): void {
  updateElement(maps.settings_map.fd, KEY, encodeStruct(settingsLayout, settings));
}

/** What stands in the map; null: nothing yet, or a device that it names is gone. */
export function readSettings(maps: SettingsMap, devices: DeviceIndexes): Settings | null {
  const struct = readSettingsStruct(maps);
  const device = nameOf(devices, struct.device_index);
  const far = nameOf(devices, struct.far_index);
  const underlay = devices.nameOf(struct.underlay_index);
  const isHere = device !== undefined && far !== undefined && underlay !== undefined;
  if (struct.valid === 0 || !isHere) return null;
  const subnetLength = 32 - struct.subnet_shift;
  return {
    network: formatPrefix(prefixOf(struct.network, maskLength(struct.network_mask))),
    ownSubnet: formatPrefix(prefixOf(struct.own_subnet, maskLength(struct.own_mask))),
    firstSubnet: formatPrefix(
      prefixOf((struct.first_subnet << struct.subnet_shift) >>> 0, subnetLength),
    ),
    subnetCount: struct.peer_count,
    vni: struct.vni_word >>> 8,
    port: struct.port,
    device,
    deviceMac: struct.device_mac,
    far,
    underlay,
    underlayAddress: formatIpv4(struct.underlay_address),
    mtu: struct.mtu,
    fastPath: struct.fast_path !== 0,
    conntrack: struct.conntrack !== 0,
    gbp: struct.gbp !== 0,
  };
}

/** Words that may change under traffic: each means something by itself. */
const ALONE: readonly (keyof SettingsStruct)[] = ['fast_path', 'conntrack', 'mtu', 'irregular'];

/**
 * Writes the settings. The kernel copies a struct while programs may be reading it, so the tunnel is closed for the
 * moment in which old and new values could mix; not where nothing but words that stand alone changes.
 * @throws Error naming a device that is not there
 */
export function writeSettings(maps: OpenMaps, settings: Settings, devices: DeviceIndexes): void {
  const before = readSettingsStruct(maps);
  const network = parsePrefix(settings.network);
  const own = parsePrefix(settings.ownSubnet);
  const first = parsePrefix(settings.firstSubnet);
  const after: SettingsStruct = {
    valid: 1,
    network: network.address,
    network_mask: prefixMask(network.length),
    own_subnet: own.address,
    own_mask: prefixMask(own.length),
    subnet_shift: 32 - first.length,
    first_subnet: first.address >>> (32 - first.length),
    peer_count: settings.subnetCount,
    irregular: before.irregular,
    underlay_address: parseIpv4(settings.underlayAddress),
    underlay_index: requireIndex(devices, settings.underlay),
    device_index: settings.device === null ? 0 : requireIndex(devices, settings.device),
    vni_word: (settings.vni << 8) >>> 0,
    port: settings.port,
    device_mac: settings.deviceMac,
    mtu: settings.mtu,
    fast_path: settings.fastPath ? 1 : 0,
    conntrack: settings.conntrack ? 1 : 0,
    gbp: settings.gbp ? 1 : 0,
    far_index: settings.far === null ? 0 : requireIndex(devices, settings.far),
  };
  if (before.valid !== 0 && !canMix(before, after)) {
    writeSettingsStruct(maps, { ...before, valid: 0 });
  }
  writeSettingsStruct(maps, after);
}

function canMix(before: SettingsStruct, after: SettingsStruct): boolean {
  const names = Object.keys(after) as (keyof SettingsStruct)[];
  return names.every((name) => ALONE.includes(name) || before[name] === after[name]);
}

/** Tells the programs whether they must look into the trie as well. */
export function writeIrregular(maps: OpenMaps, irregular: boolean): void {
  const before = readSettingsStruct(maps);
  const value = irregular ? 1 : 0;
  if (before.irregular !== value) writeSettingsStruct(maps, { ...before, irregular: value });
}

/** null: no device is meant; undefined: it is gone. */
function nameOf(devices: DeviceIndexes, index: number): string | null | undefined {
  return index === 0 ? null : devices.nameOf(index);
}

function requireIndex(devices: DeviceIndexes, name: string): number {
  const index = devices.indexOf(name);
  if (index === undefined) throw new Error(`there is no device ${name}`);
  return index;
}

function maskLength(mask: number): number {
  return mask === 0 ? 0 : 32 - Math.log2(-(mask | 0));
}
