/** A host under `watch` to which everything happens at once: what is mended takes most of the steps that there are. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import type { JoinReport } from '../../src/agent/join.ts';
import { listGenerations, pinsOf } from '../../src/bpf/pins.ts';
import type { Lease } from '../../src/lease/lease.ts';
import { formatPrefix, parsePrefix } from '../../src/net/prefix.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { openFileStore } from '../../src/store/file.ts';
import { parseStoreUrl } from '../../src/store/select.ts';
import type { Single } from './singles.ts';
import { join, peersInKernel } from './support.ts';
import { assertWhole } from './whole.ts';

const PEER = parsePrefix('10.5.200.0/24');
const PEER_ATTRIBUTES = {
  publicIp: '192.168.77.200',
  publicIpv6: null,
  backendType: 'vxlan',
  vxlan: { vni: 1, vtepMac: '02:00:00:00:00:c8' },
};

/** Less than the margin: it is due. */
const SOON_SECONDS = 600;

export interface Disturbed {
  /** Makes the lease a reservation: nothing is due when `watch` starts. */
  prepare(): Promise<void>;
  /** Deletes the device, a pin and subnet.env; a peer comes, or goes; and the lease is about to end. */
  disturb(): Promise<void>;
  /** Whether all is mended, the subnet is the same, the lease renewed, and the peers those of the store. */
  assertMended(): Promise<void>;
}

/** Joins the host of a lab with a file store. */
export async function joinToDisturb({ lab, host }: Single): Promise<Disturbed> {
  const report: JoinReport = await join(host);
  const own = parsePrefix(report.subnet);
  const { path } = parseStoreUrl(String(host.env.FLANNELD_STORE));
  const ask = async <T>(use: (store: LeaseStore) => Promise<T>) => {
    const store = await openFileStore({ path });
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  };
  const convert = async (store: LeaseStore, ttl: number | 'never') => {
    const lease = await store.get(own);
    assert(lease !== null && (await store.convert(lease, ttl)) !== null);
  };
  return {
    prepare: () => ask((store) => convert(store, 'never')),
    disturb: () =>
      ask(async (store) => {
        const pins = pinsOf(host.bpffs, 'default');
        const [generation] = listGenerations(pins);
        rmSync(`${pins.generation(String(generation))}/endpoints`);
        rmSync(host.subnetFile);
        await host.exec(['ip', 'link', 'delete', 'flannel.1']);
        const peer = await store.get(PEER);
        if (peer === null) await store.create(PEER, PEER_ATTRIBUTES, 'never');
        else await store.remove(peer);
        await convert(store, SOON_SECONDS);
      }),
    assertMended: () =>
      ask(async (store) => {
        const { leases } = await store.list();
        const lease = await store.get(own);
        assert(lease !== null && isRenewed(lease), 'renewed');
        const peers = leases.filter(({ subnet }) => subnet.address !== own.address);
        assert.deepEqual(
          peersInKernel(host),
          Object.fromEntries(
            peers.map(({ subnet, attributes }) => [formatPrefix(subnet), attributes.publicIp]),
          ),
        );
        await assertWhole(lab, host, report);
      }),
  };
}

function isRenewed({ expiresAt }: Lease): boolean {
  return expiresAt instanceof Date && expiresAt.getTime() > Date.now() + 2 * SOON_SECONDS * 1000;
}
