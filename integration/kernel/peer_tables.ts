/** A generation with nothing but its maps in use, and all that stands in them. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { createLab, type Lab } from '../../lab/lab.ts';
import { loadGeneration, openMaps } from '../../src/bpf/generation.ts';
import { trafficLayout } from '../../src/bpf/layouts.gen.ts';
import { builtObject } from '../../src/bpf/object_file.ts';
import type { OpenMaps } from '../../src/bpf/open_map.ts';
import { readPeers, slotOf } from '../../src/bpf/peer_maps.ts';
import { type Pins, pinsOf, removeEmptyFolders, removeGeneration } from '../../src/bpf/pins.ts';
import { readSettingsStruct, writeSettings } from '../../src/bpf/settings.ts';
import { formatIpv4 } from '../../src/net/ipv4.ts';
import type { Peer, Settings } from '../../src/plan/dataplane.ts';
import { lookupElement, nextKey, possibleCpus, updateElement } from '../../src/sys/bpf.ts';

const SETTINGS: Settings = {
  network: '10.5.0.0/16',
  ownSubnet: '10.5.10.0/24',
  firstSubnet: '10.5.1.0/24',
  subnetCount: 16,
  vni: 1,
  port: 8472,
  device: 'flannel.1',
  deviceMac: '02:00:00:00:00:01',
  far: null,
  underlay: 'eth0',
  underlayAddress: '192.168.77.10',
  mtu: 1450,
  fastPath: false,
  conntrack: false,
  gbp: false,
};

/** For a suite, whose lab it makes: what opens a generation, at most one at a time. */
export function tablesOfSuite(name: string): (settings?: Partial<Settings>) => OpenMaps {
  let lab: Lab;
  before(async () => {
    lab = await createLab({ name, hosts: 1, pods: 0 });
  });
  after(() => lab?.destroy());
  return (settings) => {
    const { bpffs } = lab.host('a');
    return makeTables(bpffs, pinsOf(bpffs, 'peers'), settings);
  };
}

/** Loads and opens a generation; its pins go when it is disposed. */
function makeTables(bpffs: string, pins: Pins, settings: Partial<Settings> = {}): OpenMaps {
  const all = { ...SETTINGS, ...settings };
  const name = `tables-${all.subnetCount}`;
  loadGeneration({
    ...{ bpffs, pins, object: builtObject, generation: name, from: null, renumbered: false },
    subnetCount: all.subnetCount,
    irregularPlaces: 1024,
  });
  const maps = openMaps(pins, name);
  writeSettings(maps, all, { indexOf: () => 1, nameOf: () => 'lo' });
  return {
    ...maps,
    [Symbol.dispose]() {
      maps[Symbol.dispose]();
      removeGeneration(pins, name);
      removeEmptyFolders(pins);
    },
  };
}

/** PublicIPs from which packets are accepted, and the slot that counts for each. */
export function readSources(maps: OpenMaps): Map<string, number> {
  const found = new Map<string, number>();
  let key: Buffer | null = null;
  for (;;) {
    const next: Buffer = Buffer.alloc(4);
    if (!nextKey(maps.sources.fd, key, next)) return found;
    const value = Buffer.alloc(4);
    assert(lookupElement(maps.sources.fd, next, value));
    found.set(formatIpv4(next.readUInt32BE()), value.readUInt32LE());
    key = next;
  }
}

/** Holds that the maps hold these peers, and are in step with each other. */
export function assertTables(maps: OpenMaps, peers: ReadonlyMap<string, Peer>): void {
  const bySubnet = (a: Peer, b: Peer) => (a.subnet < b.subnet ? -1 : 1);
  assert.deepEqual(
    [...readPeers(maps).values()].sort(bySubnet),
    [...peers.values()].sort(bySubnet),
  );
  const slots = new Map([...peers.keys()].map((subnet) => [subnet, slotOf(maps, subnet)]));
  assert.equal(new Set(slots.values()).size, peers.size, 'each peer has a slot of its own');

  const sources = readSources(maps);
  const publicIps = new Set([...peers.values()].map(({ publicIp }) => publicIp));
  assert.deepEqual([...sources.keys()].sort(), [...publicIps].sort());
  for (const [publicIp, slot] of sources) {
    const own = [...peers.values()].filter((peer) => peer.publicIp === publicIp);
    assert(
      own.some(({ subnet }) => slots.get(subnet) === slot),
      `${publicIp} is counted in slot ${slot}, which is none of its own`,
    );
  }
  const { irregular, valid, peer_count } = readSettingsStruct(maps);
  const beyond = [...slots.values()].some((slot) => slot !== null && slot >= peer_count);
  assert.equal(
    irregular,
    beyond ? 1 : 0,
    'the programs look into the trie where there is something',
  );
  assert.equal(valid, 1);
}

export const NO_TRAFFIC = {
  sent_packets: 0,
  sent_bytes: 0,
  received_packets: 0,
  received_bytes: 0,
};

/** As if packets had gone to and fro. */
export function pretendTraffic(maps: OpenMaps, subnet: string): void {
  const value = Buffer.alloc(trafficLayout.size * possibleCpus(), 1);
  const key = Buffer.alloc(4);
  key.writeUInt32LE(slotOf(maps, subnet) ?? assert.fail(`nobody holds ${subnet}`));
  updateElement(maps.peer_counters.fd, key, value);
}
