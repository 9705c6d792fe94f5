import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { join } from '../../src/agent/join.ts';
import { statePath } from '../../src/agent/state_file.ts';
import { previewTeardown, teardown } from '../../src/agent/teardown.ts';
import { TartanError } from '../../src/errors.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import type { LeaseStore } from '../../src/store/contract.ts';
import { recordingKernel, type TestHost, testHost, vxlanAttributes } from './world.ts';

function partsOf({ world, store, settings }: TestHost) {
  return {
    world: { ...world, openStore: async () => store },
    settings: { ...settings, keepLease: false },
  };
}

async function filesOf({ folder }: TestHost): Promise<string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('net.db'));
}

test('gives the lease back and removes the files; again changes nothing', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, host.settings);
  const { world, settings } = partsOf(host);
  assert.deepEqual(await teardown(world, settings), { subnet, leaseRemoved: true, changed: true });
  assert.deepEqual((await host.store.list()).leases, []);
  assert.deepEqual(await filesOf(host), []);
  const again = await teardown(world, settings);
  assert.deepEqual(again, { subnet: null, leaseRemoved: false, changed: false });
});

test('a dry run tells of the files and changes nothing', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, host.settings);
  const { world, settings } = partsOf(host);
  const before = await filesOf(host);
  const preview = await previewTeardown(world, settings);
  assert.deepEqual([preview.subnet, preview.files.length], [subnet, 2]);
  assert.deepEqual(await filesOf(host), before);
  assert.equal((await host.store.list()).leases.length, 1);
});

test('--keep-lease does not open the store', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const { world, settings } = partsOf(host);
  const openStore = () => assert.fail('opened');
  await teardown({ ...world, openStore }, { ...settings, keepLease: true });
  assert.equal((await host.store.list()).leases.length, 1);
});

test('with the store away the host is cleaned up, and a second run gives the lease back', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const { world, settings } = partsOf(host);
  const openStore = () => Promise.reject(new TartanError('STORE_UNAVAILABLE', 'away', 'Wait.'));
  await assert.rejects(teardown({ ...world, openStore }, settings), {
    exitCode: 75,
    message: /cleaned up.*10\.5\..*away/,
  });
  assert.deepEqual(await filesOf(host), ['state.json']);
  assert.equal((await teardown(world, settings)).leaseRemoved, true);
  assert.deepEqual(await filesOf(host), []);
});

test('a lease and a subnet.env of somebody else stay', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, host.settings);
  const [lease] = (await host.store.list()).leases;
  assert(lease);
  await host.store.remove(lease);
  const other = vxlanAttributes('192.168.64.9', '02:00:00:00:00:09');
  await host.store.create(parsePrefix(subnet), other, 60);
  await writeFile(host.settings.subnetFile, 'FLANNEL_SUBNET=10.77.1.1/24\n');
  const { world, settings } = partsOf(host);
  const report = await teardown(world, settings);
  assert.deepEqual([report.leaseRemoved, report.changed], [false, true]);
  assert.equal((await host.store.list()).leases.length, 1);
  assert.match(await readFile(host.settings.subnetFile, 'utf8'), /10\.77/);
});

for (const what of ['a lease', 'a reservation'] as const) {
  test(`${what} that is renewed between reading and writing is given back all the same`, async () => {
    await using host = await testHost();
    const { subnet } = await join(host.world, host.settings);
    const { store } = host;
    const [lease] = (await store.list()).leases;
    assert(lease);
    const { world, settings } = partsOf(host);
    if (what === 'a reservation') await store.convert(lease, 'never');
    let renewals = 9;
    const get: LeaseStore['get'] = async (asked) => {
      const found = await store.get(asked);
      if (found !== null && renewals-- > 0) await store.renew(found, found.attributes, 60);
      return found;
    };
    const openStore = async () => ({ ...store, get });
    await assert.rejects(teardown({ ...world, openStore }, settings), { code: 'BUSY' });
    renewals = 1;
    await teardown({ ...world, openStore }, settings);
    const left = await store.get(parsePrefix(subnet));
    assert.equal(left === null, what === 'a lease');
    assert.equal(left?.attributes.vxlan, undefined);
  });
}

test('where the state was lost, the kernel tells what this host had', async () => {
  await using host = await testHost();
  const { subnet } = await join(host.world, host.settings);
  const write = host.kernel.ops.find(({ op }) => op === 'settings.write');
  assert(write?.op === 'settings.write');
  await rm(statePath(host.settings.stateDir, host.settings.network));
  const observed = {
    ...(await host.kernel.observe()),
    generations: new Map([
      [write.generation, { settings: write.settings, peers: new Map(), endpoints: new Map() }],
    ]),
  };
  const { world, settings } = partsOf(host);
  const kernel = recordingKernel(observed);
  const report = await teardown({ ...world, kernel }, settings);
  assert.deepEqual(report, { subnet, leaseRemoved: true, changed: true });
  assert.deepEqual(await filesOf(host), []);
});

test('what a killed writer left half-written goes too', async () => {
  await using host = await testHost();
  await join(host.world, host.settings);
  const { subnetFile, stateDir, network } = host.settings;
  await rm(subnetFile);
  await writeFile(`${subnetFile}.tmp`, 'FLANNEL_NET');
  await writeFile(`${statePath(stateDir, network)}.tmp`, '{');
  const { world, settings } = partsOf(host);
  await teardown(world, settings);
  assert.deepEqual(await filesOf(host), []);
});
