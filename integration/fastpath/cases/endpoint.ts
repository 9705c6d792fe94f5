/** `tartan endpoint` on a real host: with and without a watch, and when pods vanish. */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../../lab/host.ts';
import { inNamespace } from '../../../lab/in_namespace.ts';
import { createLab, joinAll } from '../../../lab/lab.ts';
import { attachPods, hostDevice } from '../../../lab/pod.ts';
import { waitFor } from '../../../lab/ready.ts';
import { ping, waitForPing } from '../../../lab/traffic.ts';
import { endpointFilePath } from '../../../src/agent/endpoint_file.ts';
import { readEndpoints } from '../../../src/bpf/endpoint_map.ts';
import { readFilters } from '../../../src/bpf/filters.ts';
import { readLinks } from '../../../src/bpf/links.ts';
import { pinsOf } from '../../../src/bpf/pins.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { openMapsOf, startMeter } from '../../dataplane/meter.ts';
import { join, type Member, memberOf, networkOf } from '../../dataplane/network.ts';
import { missing } from '../../dataplane/requirements.ts';
import { startWatch } from '../../lifecycle/watching.ts';
import { addEndpoints, endpoint } from '../network.ts';

/** On a bridge. */
const PODS = 12;

const skip = await missing();

export function testEndpoints(carrier: Carrier): void {
  describe(`tartan endpoint, ${carrier.name}`, { skip }, () => {
    let network: ReturnType<typeof networkOf>;
    before(async () => {
      const lab = await createLab({ name: 'endp', pods: PODS });
      await joinAll(lab, carrier.config);
      const members = await Promise.all(
        lab.hosts.map(async (host) => memberOf(host, await join(host), carrier)),
      );
      network = networkOf(lab, members, carrier);
      await addEndpoints(network.b.host);
    });
    after(() => network?.lab.destroy());

    const device = (index: number) => hostDevice(index);
    const address = (index: number) => network.a.host.pods[index]?.address ?? assert.fail();

    it('add, list and remove; again changes nothing', async () => {
      const { host } = network.a;
      const row = { address: address(0), interface: device(0), active: true };
      assert.deepEqual(await endpoint(host, 'add', device(0), address(0)), {
        ...row,
        changed: true,
      });
      assert.deepEqual(await endpoint(host, 'add', device(0), address(0)), {
        ...row,
        changed: false,
      });
      assert.deepEqual(await endpoint(host, 'list'), { endpoints: [row] });
      assert.deepEqual(served(host), [address(0)]);
      assert.equal((await join(host)).changed, false);
      const removed = await endpoint(host, 'remove', device(0));
      assert.deepEqual(removed, { interface: device(0), addresses: [address(0)], changed: true });
      assert.deepEqual(served(host), []);
      assert.deepEqual(interfacesServed(host), []);
      const again = await endpoint(host, 'remove', device(0));
      assert.deepEqual(again, { interface: device(0), addresses: [], changed: false });
    });

    it(`${PODS} adds at once: none is lost`, async () => {
      const { host } = network.a;
      const all = host.pods.map((pod, index) => endpoint(host, 'add', device(index), pod.address));
      for (const { active, changed } of await Promise.all(all)) assert(active && changed);
      assert.deepEqual(served(host), host.pods.map((pod) => pod.address).sort());
      assert.equal(interfacesServed(host).length, PODS);
      assert.equal((await join(host)).changed, false);
    });

    it('what cannot be an endpoint is refused, and changes nothing', async () => {
      const { host } = network.a;
      const free = address(0).replace(/\.\d+$/, '.200');
      const before = served(host);
      type Refusal = readonly [words: string[], exit: number, message: RegExp];
      const overlayDevice: Refusal = [['add', `${carrier.device}`, free], 1, /overlay's own/];
      const wrong: readonly Refusal[] = [
        [['add', 'nothing', free], 1, /no interface nothing/],
        [['add', host.device, free], 1, /underlay/],
        ...(carrier.device === null ? [] : [overlayDevice]),
        [['add', 'cni0', free], 1, /a bridge, not a veth/],
        [['add', device(1), address(0)], 2, /endpoint of pod1 already/],
        [['add', device(0), network.b.pod.address], 2, /not in this host's subnet/],
        [['add', device(0), network.a.gateway], 2, /own, on cni0/],
        [['add', device(0)], 2, /lacks a word/],
        [['grow'], 2, /nothing that endpoint does/],
      ];
      for (const [words, exit, message] of wrong) {
        const { code, stderr } = await host.tartan(['endpoint', ...words], { mayFail: true });
        assert.equal(code, exit, stderr);
        assert.match(stderr, message);
      }
      assert.deepEqual(served(host), before);
    });

    it('while watch runs it takes them up at once, and adds wait for it', async () => {
      const { host } = network.a;
      await endpoint(host, 'remove', device(0));
      await endpoint(host, 'remove', device(1));
      await using watching = await startWatch(host, ['--reconcile-interval', '3600']);
      for (const index of [0, 1]) {
        const added = await endpoint(host, 'add', device(index), address(index));
        assert.deepEqual([added.active, added.changed], [true, true]);
        assert(served(host).includes(address(index)), 'it is served when the command has ended');
      }
      await endpoint(host, 'remove', device(1));
      assert(!served(host).includes(address(1)));
      const both = [0, 1].map((index) => endpoint(host, 'add', device(index), address(index)));
      await Promise.all(both);
      assert.equal(served(host).length, PODS);
      assert.equal((await watching.running.stop()).code, 0);
      assert.equal((await join(host)).changed, false);
    });

    it('an interface that is renamed is the same endpoint', async () => {
      const { host } = network.a;
      await rename(host, device(2), 'renamed');
      const { endpoints } = await endpoint<{ endpoints: { interface: string; active: boolean }[] }>(
        host,
        'list',
      );
      assert(endpoints.some((row) => row.interface === 'renamed' && row.active));
      await rename(host, 'renamed', device(2));
    });

    it('a pod that vanishes, with no process running: its address is served by the host at once', async () => {
      const { a, b } = network;
      assert.equal(await ping(b.pod, address(0)), 1);
      // The same address and the same interface name, another interface.
      await replacePod(a, 0);
      const meter = startMeter({ members: [a, b] });
      assert.equal(await ping(b.pod, address(0), { count: 5 }), 5);
      assert.deepEqual(meter.read().a?.other, { host_endpoint_gone: 1 });
      assert(!served(a.host).includes(address(0)));
      const { endpoints } = await endpoint<{ endpoints: { address: string }[] }>(a.host, 'list');
      const row = endpoints.find((each) => each.address === address(0));
      assert.deepEqual(row, {
        address: address(0),
        interface: device(0),
        active: false,
        reason: 'the interface is gone',
      });
      assert.equal((await join(a.host)).changed, true);
      const later = await endpoint<{ endpoints: unknown[] }>(a.host, 'list');
      assert.equal(later.endpoints.length, PODS - 1);
      assert.equal((await join(a.host)).changed, false);
      const added = await endpoint(a.host, 'add', device(0), address(0));
      assert.deepEqual([added.active, added.changed], [true, true]);
    });

    it('a pod that vanishes while watch runs is forgotten, and taken off the list', async () => {
      const { host } = network.a;
      await using _ = await startWatch(host, ['--reconcile-interval', '3600']);
      await host.shell(`ip link delete ${device(1)}`);
      await waitFor('watch has noticed', () => !served(host).includes(address(1)));
      await waitFor('it is off the list', async () => {
        const { endpoints } = await endpoint<{ endpoints: { address: string }[] }>(host, 'list');
        return endpoints.every((row) => row.address !== address(1));
      });
    });

    it('a host that has not joined is told to', async () => {
      const { host } = network.c;
      await host.tartan(['teardown']);
      const { code, stderr } = await host.tartan(['endpoint', 'list'], { mayFail: true });
      assert.equal(code, 1);
      assert.match(stderr, /has not joined[\s\S]*tartan join/);
    });

    it('a join without state, then teardown, leave nothing', async () => {
      const { host } = network.a;
      assert(existsSync(endpointFilePath({ stateDir: host.stateDir, network: 'default' })));
      rmSync(`${host.stateDir}/default/state.json`);
      await host.tartan(['join']);
      assert.equal(interfacesServed(host).length, PODS - 1);
      await host.tartan(['teardown']);
      const find = `find ${host.stateDir} ${host.bpffs} -mindepth 1 2>/dev/null || true`;
      assert.equal((await host.shell(find)).stdout, '');
      await attachPods(host, { gateway: `${network.a.gateway}/24`, mtu: network.a.mtu });
    });
  });
}

/** What stands in the endpoint map. */
function served(host: Host): string[] {
  using maps = openMapsOf(host);
  const devices = { indexOf: () => undefined, nameOf: (index: number) => `${index}` };
  return [...readEndpoints(maps, devices).keys()].sort();
}

/** An interface that is up keeps its name before Linux 6.2. */
async function rename(host: Host, name: string, newName: string): Promise<void> {
  const set = `ip link set ${name}`;
  await host.shell(`
${set} name ${newName} 2>/dev/null || { ${set} down; ${set} name ${newName}; ip link set ${newName} up; }`);
}

/** Indexes of the interfaces that the sending program is on. */
function interfacesServed(host: Host): number[] {
  const pins = pinsOf(host.bpffs, 'default');
  return [...readLinks(pins), ...inNamespace(host, () => readFilters(pins))]
    .filter(({ program, ifindex }) => program === 'endpoint_send' && ifindex !== 0)
    .map(({ ifindex }) => ifindex);
}

/** Deletes a pod's cable and gives it another, as when a pod is deleted and another gets its address. */
async function replacePod({ host, mtu, gateway, subnet }: Member, index: number): Promise<void> {
  const pod = host.pods[index] ?? assert.fail();
  const name = hostDevice(index);
  const length = subnet.split('/')[1];
  await host.exec(['ip', '-batch', '-'], {
    input: `
link delete ${name}
link add ${name} mtu ${mtu} type veth peer name eth0 index 2000 mtu ${mtu} netns ${pod.namespace}
link set ${name} master cni0
link set ${name} up
`,
  });
  await pod.exec(['ip', '-batch', '-'], {
    input: `
address add ${pod.address}/${length} dev eth0
link set eth0 up
route add default via ${gateway}
`,
  });
  // As every CNI plugin has it: the host must forget the MAC that the address had.
  await waitForPing(pod, gateway);
}
