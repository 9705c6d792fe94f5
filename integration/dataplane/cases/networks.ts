/** Two networks on the same hosts: neither notices the other, and what they cannot share is refused. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../../lab/host.ts';
import { folderOf } from '../../../lab/names.ts';
import type { Namespace } from '../../../lab/namespace.ts';
import { PATIENCE } from '../../../lab/patience.ts';
import { waitFor } from '../../../lab/ready.ts';
import { ping } from '../../../lab/traffic.ts';
import type { JoinReport } from '../../../src/agent/join.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { assertRefuses, type Refusal } from '../../lifecycle/support.ts';
import { createNetwork, join, type Network } from '../network.ts';
import { missing } from '../requirements.ts';
import { buildTools, sendTcp } from '../senders.ts';

/** Seconds between the pings of a flow that must not be interrupted. */
const INTERVAL = `${0.002 * PATIENCE}`;

const skip = await missing();

/** The second network of the hosts. */
export interface Second {
  readonly Network: string;
  readonly Backend: Readonly<{ Type: string } & Record<string, unknown>>;
}

/** A third network, and how it is joined. */
export interface Attempt {
  readonly network?: string;
  readonly backend: object;
  readonly env?: Record<string, string>;
}

export interface TwoNetworks {
  /** The first. */
  network(): Network;
  /** Runs `tartan` in the second. */
  inBlue(host: Host, ...args: string[]): Promise<unknown>;
  joinBlue(host: Host): Promise<JoinReport>;
  /** The host's own address in the second. */
  blueAddress(host: Host): string;
  /** Asserts that `c` cannot join a third, and that nothing has changed. */
  refuse(attempt: Attempt, expected: Omit<Refusal, 'exit'>): Promise<void>;
}

/**
 * @param blueDevice the second network's
 * @param more what holds of this carrier's networks alone
 */
export function testTwoNetworks(
  carrier: Carrier,
  second: Second,
  blueDevice: string,
  more: (both: TwoNetworks) => void,
): void {
  before(() => skip || buildTools());
  describe(`two networks on the same hosts, ${carrier.name}`, { skip }, () => {
    let network: Network;
    const addresses = new Map<Host, string>();
    before(async () => {
      network = await createNetwork({ name: 'networks' }, carrier);
      const { hosts } = network.lab;
      await inBlue(network.a.host, 'init-config', JSON.stringify(second));
      for (const host of [...hosts, ...hosts]) {
        const { subnet } = await joinBlue(host);
        addresses.set(host, subnet.replace('/24', ''));
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
    const blueAddress = (host: Host) => addresses.get(host) ?? '';

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
      const argv = ['watch', '--reconcile-interval', '1'];
      await using one = host.startTartan(argv);
      await using other = host.startTartan(argv, { env: envOf(host) });
      await waitFor('both are in step', () =>
        [one, other].every((watch) => watch.stdout().includes('"synced"')),
      );
      await host.exec(['ip', 'link', 'set', blueDevice, 'down']);
      await waitFor('the second heals', () => other.stdout().includes('reconciled'));
      assert.equal(await ping(host, blueAddress(network.b.host)), 1);
      for (const watch of [one, other]) assert.equal((await watch.stop()).code, 0);
      assert(!one.stdout().includes('reconciled'), one.stdout());
    });

    it('one is torn down and joined again under the traffic of the other, and nothing of that is lost', async () => {
      const { a, b } = network;
      const underBlue = await isLossy(a.host, blueAddress(b.host), async () => {
        await b.host.tartan(['teardown', '--keep-lease']);
        assert(!existsSync(b.host.subnetFile));
        await join(b.host);
      });
      assert.equal(underBlue, false, 'packets of the second network were lost');
      await waitFor('the first is back', async () => (await ping(a.pod, b.pod.address)) === 1);
      const underDefault = await isLossy(a.pod, b.pod.address, async () => {
        await inBlue(b.host, 'teardown', '--keep-lease');
        await joinBlue(b.host);
      });
      assert.equal(underDefault, false, 'packets of the first network were lost');
      assert.equal(await ping(a.host, blueAddress(b.host)), 1);
    });

    const refuse: TwoNetworks['refuse'] = async (
      { network: prefix = '10.9.0.0/16', backend, env = {} },
      expected,
    ) => {
      const { host } = network.c;
      const given = {
        FLANNELD_STORE: `file:${folderOf(network.lab.name)}/red.db`,
        FLANNELD_NETWORK: 'red',
        FLANNELD_SUBNET_FILE: `${host.subnetFile}.red`,
        ...env,
      };
      const { Type } = carrier.config.Backend;
      const text = JSON.stringify({ Network: prefix, Backend: { Type, ...backend } });
      await host.tartan(['init-config', '--force', text], { env: given });
      await assertRefuses(host, ['join'], { exit: 1, ...expected }, { env: given });
      assert.equal((await join(host)).changed, false);
      assert.equal((await joinBlue(host)).changed, false);
    };

    more({ network: () => network, inBlue, joinBlue, blueAddress, refuse });
  });
}

/** Whether pings are lost while the work is done. */
async function isLossy(from: Namespace, address: string, work: () => unknown): Promise<boolean> {
  const running = from.start(['ping', '-n', '-q', '-i', INTERVAL, '-W', '1', address]);
  await work();
  const { stdout } = await running.stop('SIGINT');
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
  assert(Number(sent) > 20, stdout);
  // The last one may be on its way.
  return Number(sent) - Number(received) > 1;
}
