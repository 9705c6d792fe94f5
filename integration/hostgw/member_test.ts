/** A host in a host-gw network, from its first join to its teardown. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { hostDevice } from '../../lab/pod.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { endpoint } from '../fastpath/network.ts';
import { type Fingerprint, fingerprint } from '../lifecycle/fingerprint.ts';
import { hostsOf, initConfig, join, lacks, storedLeases, teardown } from '../lifecycle/support.ts';
import { startWatch } from '../lifecycle/watching.ts';
import { buildDenyBpf, withoutBpf } from '../lifecycle/without_bpf.ts';
import { FAST_HOST_GW, HOST_GW, ownRoutes } from './support.ts';

/** On nobody's layer 2. */
const ELSEWHERE = '203.0.113.9';

describe('a member of a host-gw network', { skip: lacks('clang', 'setpriv') }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  let untouched: Fingerprint;
  before(buildDenyBpf);
  beforeEach(async () => {
    lab = await createLab({ name: 'gwmember', hosts: 3 });
    [a, b] = hostsOf(lab);
    await initConfig(lab, HOST_GW);
    untouched = fingerprint(a);
  });
  afterEach(() => lab.destroy());

  const subnetsOf = async (host: Host) =>
    (await storedLeases(lab)).filter(({ publicIp }) => publicIp === host.address);

  it('joins, joins again, renews and leaves; flannel’s bytes in the store', async () => {
    const report = await join(a);
    assert.partialDeepStrictEqual(report, {
      ...{ backend: 'host-gw', mode: 'default', modeReason: null, mtu: 1500, changed: true },
    });
    assert.deepEqual(
      (await storedLeases(lab)).map(({ value }) => value),
      [`{"PublicIP":"${a.address}","PublicIPv6":null,"BackendType":"host-gw"}`],
    );
    assert.equal((await join(a)).changed, false);
    const renewed = JSON.parse((await a.tartan(['renew'])).stdout);
    assert.deepEqual([renewed.subnet, renewed.publicIp], [report.subnet, a.address]);
    assert.equal((await teardown(a)).leaseRemoved, true);
    assert.deepEqual(fingerprint(a), untouched);
    assert.deepEqual(await storedLeases(lab), []);
  });

  it('takes its lease over by the PublicIP when it has forgotten everything', async () => {
    const { subnet } = await join(a);
    for (const path of [a.stateDir, a.subnetFile]) rmSync(path, { recursive: true });
    assert.equal((await join(a)).subnet, subnet);
    assert.equal((await storedLeases(lab)).length, 1);
  });

  it('says of a peer that is on another layer 2 that it is out of reach, once', async () => {
    const third = await join(lab.host('c'));
    const { subnet } = JSON.parse((await b.tartan(['join', '--public-ip', ELSEWHERE])).stdout);
    const text = new RegExp(
      `left out ${subnet}: its host ${ELSEWHERE} is not on the layer 2 of eth0`,
    );
    const { code, stdout, stderr } = await a.tartan(['join']);
    assert.equal(code, 0);
    assert.match(stderr, text);
    assert.match(stderr, /error/);
    assert.equal((JSON.parse(stdout) as JoinReport).peers, 1);
    assert.deepEqual(await ownRoutes(a), [`${third.subnet} via ${lab.host('c').address}`]);

    await using watching = await startWatch(a, ['--reconcile-interval', '1']);
    const [error] = watching.events().filter(({ type }) => type === 'error');
    assert.match(error?.message ?? '', text);
    for (let round = 0; round < 2; round += 1) {
      const seen = watching.events().length;
      await a.shell('ip route flush proto 116');
      await watching.event('reconciled', seen);
    }
    assert.equal(watching.events().filter(({ type }) => type === 'error').length, 1);
    // A route to it that appears, and what is on the link is reached at once.
    await a.shell(`ip route add ${ELSEWHERE}/32 dev ${a.device}`);
    await waitFor('the peer is reached', async () => (await ownRoutes(a)).length === 2);
    await a.shell(`ip route del ${ELSEWHERE}/32`);
    await waitFor('it is out of reach', async () => (await ownRoutes(a)).length === 1);
    await waitFor(
      'that is said',
      () => watching.events().filter(({ type }) => type === 'error').length === 2,
    );
  });

  it('refuses the broadcast address as a PublicIP', async () => {
    const broadcast = '192.168.77.255';
    const { code, stderr } = await b.tartan(['join', '--public-ip', broadcast], { mayFail: true });
    assert.equal(code, 2);
    assert.match(
      stderr,
      /--public-ip 192\.168\.77\.255 is the broadcast address of 192\.168\.77\.0\/24/,
    );
    assert.deepEqual(await storedLeases(lab), []);
  });

  it('reaches the other peers where the kernel takes no route to one, and names that', async () => {
    const third = await join(lab.host('c'));
    await b.tartan(['join', '--public-ip', ELSEWHERE]);
    // Directly reached, and yet no next hop (ip-route(8), scope).
    await a.shell(`ip route add ${ELSEWHERE}/32 dev ${a.device} scope global`);
    const { code, stderr } = await a.tartan(['join'], { mayFail: true });
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`ip route (append|replace) [^:]*via ${ELSEWHERE}[^:]*: .*invalid gateway`),
    );
    assert.deepEqual(await ownRoutes(a), [`${third.subnet} via ${lab.host('c').address}`]);
  });

  it('is taken down without its state: subnet.env tells which routes are its own', async () => {
    const { subnet } = await join(b);
    await join(a);
    rmSync(`${a.stateDir}/default/state.json`);
    assert.equal((await teardown(a)).leaseRemoved, true);
    assert.deepEqual(fingerprint(a), untouched);
    assert.deepEqual(
      (await storedLeases(lab)).map((lease) => lease.subnet),
      [subnet],
    );
  });

  it("without state and routes, takes subnet.env for another daemon's", async () => {
    await join(a);
    rmSync(`${a.stateDir}/default/state.json`);
    assert.equal((await teardown(a)).leaseRemoved, false);
    assert.equal((await subnetsOf(a)).length, 1);
    assert.equal((await join(a)).changed, true);
  });

  for (const attach of ['auto', 'clsact']) {
    it(`keeps an endpoint for the day that FastPath is on, --attach ${attach}`, async () => {
      const device = hostDevice(0);
      const { subnet } = await join(a);
      const address = subnet.replace('0/24', '2');
      await a.shell(`ip link add ${device} type veth peer eth0 netns ${a.pods[0]?.namespace}`);
      const watching = await startWatch(a, ['--reconcile-interval', '1', '--attach', attach]);
      for (const changed of [true, false]) {
        const added = await endpoint(a, 'add', device, address);
        assert.deepEqual([added.active, added.changed], [false, changed]);
        assert.match(added.reason ?? '', /FastPath is off/);
      }
      await initConfig(lab, FAST_HOST_GW);
      await waitFor('it is served', async () => (await endpoint(a, 'add', device, address)).active);
      await initConfig(lab, HOST_GW);
      await waitFor('it is not', async () => !(await endpoint(a, 'add', device, address)).active);
      await watching[Symbol.asyncDispose]();
      const off = fingerprint(a);
      assert.deepEqual(off.attached, {});
      // A clsact qdisc of ours stays, with a note of it, until teardown: its end may cost a packet.
      const kept = Object.keys(off.pins).filter((path) => off.pins[path] !== 'folder');
      assert.deepEqual(kept, []);
      await teardown(a);
      const { qdiscs, pins } = fingerprint(a);
      assert.deepEqual(pins, untouched.pins);
      assert(!JSON.stringify(qdiscs).includes('clsact'));
    });
  }

  for (const dataplane of ['bpf', 'kernel', 'auto']) {
    it(`--dataplane ${dataplane}: takes no programs, where there are none to be had either`, async () => {
      await join(b);
      for (const prefix of ['', withoutBpf.capability, withoutBpf.permission, withoutBpf.call]) {
        const argv = `${prefix} ${TARTAN} join --dataplane ${dataplane}`;
        const { stdout, stderr } = await a.shell(argv);
        assert.equal(stderr, '');
        assert.partialDeepStrictEqual(JSON.parse(stdout), {
          mode: 'default',
          modeReason: null,
          peers: 1,
        });
        assert.equal((await ownRoutes(a)).length, 1);
        assert.deepEqual(fingerprint(a).attached, {});
        await a.shell(`${prefix} ${TARTAN} teardown`);
        assert.deepEqual(fingerprint(a), untouched);
      }
    });
  }

  it('FastPath without the right to load programs: off and said, or refused with --dataplane bpf', async () => {
    await initConfig(lab, FAST_HOST_GW);
    const run = (dataplane: string) =>
      a.shell(`${withoutBpf.capability} ${TARTAN} join --dataplane ${dataplane}`, {
        mayFail: true,
      });
    const refused = await run('bpf');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /CAP_BPF missing/);
    const off = await run('auto');
    assert.equal(JSON.parse(off.stdout).mode, 'default');
    assert.match(
      off.stderr,
      /FastPath is off on this host, which loads no programs: .*CAP_BPF missing/,
    );
    assert.equal((await join(a)).mode, 'fastpath');
  });
});

describe('two host-gw networks on one host', { skip: lacks('nsenter') }, () => {
  let lab: Lab;
  before(async () => {
    lab = await createLab({ name: 'gwtwo', hosts: 2, pods: 0 });
  });
  after(() => lab?.destroy());

  it('keep their routes apart', async () => {
    const [a, b] = hostsOf(lab);
    const envOf = (host: Host) => ({
      FLANNELD_STORE: `file:${folderOf(lab.name)}/blue.db`,
      FLANNELD_SUBNET_FILE: `${host.subnetFile}.blue`,
      FLANNELD_NETWORK: 'blue',
    });
    const blue = async (host: Host, ...args: string[]) =>
      (await host.tartan(args, { env: envOf(host) })).stdout;
    await initConfig(lab, HOST_GW);
    const config = { ...HOST_GW, Network: '10.6.0.0/16' };
    await a.tartan(['init-config', '-'], { env: envOf(a), input: JSON.stringify(config) });
    const red = (await join(b)).subnet;
    const other = (JSON.parse(await blue(b, 'join')) as JoinReport).subnet;
    await join(a);
    await blue(a, 'join');
    const both = [`${red} via ${b.address}`, `${other} via ${b.address}`].sort();
    assert.deepEqual(await ownRoutes(a), both);
    assert.equal((await join(a)).changed, false);
    assert.equal(JSON.parse(await blue(a, 'join')).changed, false);
    await teardown(a);
    assert.deepEqual(await ownRoutes(a), [`${other} via ${b.address}`]);
    await join(a);
    await blue(a, 'teardown');
    assert.deepEqual(await ownRoutes(a), [`${red} via ${b.address}`]);
  });
});
