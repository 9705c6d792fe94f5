/** Two networks on the same hosts, with one UDP port and two VNIs: neither notices the other. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { folderOf } from '../../lab/names.ts';
import { PATIENCE } from '../../lab/patience.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import type { JoinReport } from '../../src/agent/join.ts';
import { readCounters } from '../../src/bpf/counters.ts';
import { assertRefuses } from '../lifecycle/support.ts';
import { openMapsOf } from './meter.ts';
import { createNetwork, join, type Network } from './network.ts';
import { missing } from './requirements.ts';
import { buildTools, sendTcp } from './senders.ts';

/** Seconds between the pings of a flow that must not be interrupted. */
const INTERVAL = `${0.002 * PATIENCE}`;

const skip = await missing();

before(() => skip || buildTools());

/** The second network of the hosts. */
const BLUE = { Network: '10.6.0.0/16', Backend: { Type: 'vxlan', VNI: 7 } };

/** A third network, and how it is joined. */
interface Attempt {
  readonly network?: string;
  readonly config: object;
  readonly env?: Record<string, string>;
}

describe('two networks on the same hosts', { skip }, () => {
  let network: Network;
  /** By host, the host's own address in the second network. */
  const blue = new Map<Host, string>();
  before(async () => {
    network = await createNetwork({ name: 'networks' });
    const { hosts } = network.lab;
    await inBlue(network.a.host, 'init-config', JSON.stringify(BLUE));
    for (const host of [...hosts, ...hosts]) {
      const { subnet } = await joinBlue(host);
      blue.set(host, subnet.replace('/24', ''));
    }
  });
  after(() => network?.lab.destroy());

  const envOf = (host: Host) => ({
    FLANNELD_STORE: `file:${folderOf(network.lab.name)}/blue.db`,
    FLANNELD_SUBNET_FILE: `${host.subnetFile}.blue`,
    FLANNELD_NETWORK: 'blue',
  });
  const inBlue = (host: Host, ...args: string[]) => host.tartan(args, { env: envOf(host) });
  const joinBlue = async (host: Host): Promise<JoinReport> =>
    JSON.parse((await inBlue(host, 'join')).stdout);
  const blueAddress = (host: Host) => blue.get(host) ?? '';

  it('both carry packets, and what is for the other one is handed on', async () => {
    const { a, b } = network;
    const othersOf = (name: string) => {
      using maps = openMapsOf(b.host, name);
      return readCounters(maps).other_vni;
    };
    const [atDefault, atBlue] = [othersOf('default'), othersOf('blue')];
    assert.equal(await ping(a.pod, b.pod.address, { count: 10 }), 10);
    assert.equal(await ping(a.host, blueAddress(b.host), { count: 10 }), 10);
    // The network that joined first has its program first.
    assert.deepEqual(
      [othersOf('default') - (atDefault ?? 0), othersOf('blue') - (atBlue ?? 0)],
      [10, 0],
    );
  });

  it('both at once, with TCP', async () => {
    const { a, b } = network;
    const transfers = await Promise.all([
      sendTcp(a.pod, b.pod, { address: b.pod.address, port: 9000 }, 50),
      sendTcp(a.host, b.host, { address: blueAddress(b.host), port: 9001 }, 50),
    ]);
    for (const { sent, received } of transfers) assert.deepEqual(received, sent);
  });

  it('join again changes nothing in either, and watch finds nothing to repair', async () => {
    const { host } = network.a;
    assert.equal((await join(host)).changed, false);
    assert.equal((await joinBlue(host)).changed, false);
    await using one = host.startTartan(['watch', '--reconcile-interval', '1']);
    await using other = host.startTartan(['watch', '--reconcile-interval', '1'], {
      env: envOf(host),
    });
    await waitFor('both are in step', () =>
      [one, other].every((watch) => watch.stdout().includes('"synced"')),
    );
    await host.exec(['ip', 'link', 'set', 'flannel.7', 'down']);
    await waitFor('the second heals', () => other.stdout().includes('reconciled'));
    assert.equal(await ping(host, blueAddress(network.b.host)), 1);
    for (const watch of [one, other]) assert.equal((await watch.stop()).code, 0);
    assert(!one.stdout().includes('reconciled'), one.stdout());
  });

  it('one is torn down and joined again under the traffic of the other, and nothing of that is lost', async () => {
    const { a, b } = network;
    const argv = (address: string) => ['ping', '-n', '-q', '-i', INTERVAL, '-W', '1', address];
    const lossDuring = async (from: Host | typeof a.pod, address: string, work: () => unknown) => {
      const running = from.start(argv(address));
      await work();
      const { stdout } = await running.stop('SIGINT');
      const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
      assert(Number(sent) > 20, stdout);
      // The last one may be on its way.
      return Number(sent) - Number(received) > 1;
    };
    const underBlue = await lossDuring(a.host, blueAddress(b.host), async () => {
      await b.host.tartan(['teardown', '--keep-lease']);
      assert(!existsSync(b.host.subnetFile));
      await join(b.host);
    });
    assert.equal(underBlue, false, 'packets of the second network were lost');
    await waitFor('the first is back', async () => (await ping(a.pod, b.pod.address)) === 1);
    const underDefault = await lossDuring(a.pod, b.pod.address, async () => {
      await inBlue(b.host, 'teardown', '--keep-lease');
      await joinBlue(b.host);
    });
    assert.equal(underDefault, false, 'packets of the first network were lost');
    assert.equal(await ping(a.host, blueAddress(b.host)), 1);
  });

  describe('what they cannot have in common is refused by name', () => {
    const refuse = async (
      { network: prefix = '10.9.0.0/16', config, env = {} }: Attempt,
      expected: { code: string; message: RegExp; hint: RegExp },
    ) => {
      const { host } = network.c;
      const store = `file:${folderOf(network.lab.name)}/red.db`;
      const given = {
        FLANNELD_STORE: store,
        FLANNELD_NETWORK: 'red',
        FLANNELD_SUBNET_FILE: `${host.subnetFile}.red`,
        ...env,
      };
      const text = JSON.stringify({
        Network: prefix,
        Backend: { Type: 'vxlan', ...config },
      });
      await host.tartan(['init-config', '--force', text], { env: given });
      await assertRefuses(host, ['join'], { exit: 1, ...expected }, { env: given });
      assert.equal((await join(host)).changed, false);
      assert.equal((await joinBlue(host)).changed, false);
    };

    it('the VNI', () =>
      refuse(
        { config: { VNI: 7 } },
        {
          code: 'DEVICE_FOREIGN',
          message: /VNI 7 is taken: device flannel\.7 carries this host's network "blue"/,
          hint: /VNI of its own/,
        },
      ));

    it('the subnet file', () =>
      refuse(
        { config: { VNI: 8 }, env: { FLANNELD_SUBNET_FILE: network.c.host.subnetFile } },
        {
          code: 'FILE',
          message: /subnet\.env is the subnet file of .* "default"/,
          hint: /--subnet-file/,
        },
      ));

    it('the addresses', () =>
      refuse(
        { network: '10.6.128.0/17', config: { VNI: 8 } },
        {
          code: 'CONFIG_INVALID',
          message: /10\.6\.128\.0\/17 overlaps 10\.6\.0\.0\/16 of this host's network "blue"/,
          hint: /Network that no other/,
        },
      ));

    it('the port, where only one of them has GBP', () =>
      refuse(
        { config: { VNI: 8, GBP: true } },
        {
          code: 'DEVICE_FOREIGN',
          message: /flannel\.8 cannot have UDP port 8472: flannel\.[17] has it/,
          hint: /same Backend\.GBP/,
        },
      ));
  });

  it('a classic vxlan device, such as another flanneld’s, has the port: both are named', async () => {
    const { host } = network.c;
    await host.tartan(['teardown', '--keep-lease']);
    await inBlue(host, 'teardown', '--keep-lease');
    await host.shell(
      'ip link add overlay9 type vxlan id 9 dstport 8472 local 127.0.0.1; ip link set overlay9 up',
    );
    await assertRefuses(host, ['join'], {
      exit: 1,
      code: 'DEVICE_FOREIGN',
      message: /flannel\.1 cannot have UDP port 8472: overlay9 has it \(vxlan id 9 dstport 8472\)/,
      hint: /ip link delete overlay9.*Backend\.Port/,
    });
    await host.exec(['ip', 'link', 'set', 'overlay9', 'down']);
    await join(host);
    // Who comes second has lost: that is the kernel's rule.
    const { code, stderr } = await host.exec(['ip', 'link', 'set', 'overlay9', 'up'], {
      mayFail: true,
    });
    assert.match(`${code} ${stderr}`, /Address already in use/);
    await host.exec(['ip', 'link', 'delete', 'overlay9']);
    await joinBlue(host);
  });
});
