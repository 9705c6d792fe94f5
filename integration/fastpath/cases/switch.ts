/** FastPath switched on and off under traffic: nothing breaks, by `join` and by a running `watch`. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Host } from '../../../lab/host.ts';
import { PATIENCE } from '../../../lab/patience.ts';
import type { Pod } from '../../../lab/pod.ts';
import { waitFor } from '../../../lab/ready.ts';
import { listGenerations, pinsOf } from '../../../src/bpf/pins.ts';
import { readSettingsStruct } from '../../../src/bpf/settings.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { openMapsOf } from '../../dataplane/meter.ts';
import { join, type Network } from '../../dataplane/network.ts';
import { missing } from '../../dataplane/requirements.ts';
import { startWatch } from '../../lifecycle/watching.ts';
import { addEndpoints, createFastNetwork } from '../network.ts';
import { startChat, startServer } from '../talk.ts';

const PORT = 9000;
const ROUNDS = PATIENCE === 1 ? 3 : 1;

const skip = await missing();

export function testSwitch(carrier: Carrier): void {
  describe(`FastPath switched on and off, ${carrier.name}`, { skip }, () => {
    let created: Network | undefined;
    const network = (): Network => created ?? assert.fail('there is no lab');
    before(async () => {
      created = await createFastNetwork({ name: 'fastswitch', pods: 2 }, carrier);
      // As on every host with services: NAT-ed flows are looked up, and all that is not the host's goes the fast way.
      for (const { host } of created.members) {
        await host.exec(['nft', '-f', '-'], {
          input:
            'table ip nat { chain post { type nat hook postrouting priority srcnat; ip daddr 203.0.113.0/24 masquerade; }; }\n',
        });
      }
    });
    after(() => created?.lab.destroy());

    it('by join, under pings and a connection: no ping is lost, the connection goes on', async () => {
      const { lab, a, b } = network();
      const traffic = await startTraffic(a.pod, b.pod);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const isOn of [false, true]) {
          await writeConfig(a.host, { FastPath: isOn });
          for (const { host } of [a, b]) {
            const { mode, changed } = JSON.parse((await host.tartan(['join'])).stdout);
            assert.deepEqual([mode, changed], [isOn ? 'fastpath' : 'default', true]);
          }
          await traffic.goesOn();
        }
      }
      await traffic.end();
      assert.equal(lab.hosts.length, 3);
    });

    it('by watch, within its interval, the same', async () => {
      const { a, b } = network();
      await using _a = await startWatch(a.host, ['--reconcile-interval', '1']);
      await using _b = await startWatch(b.host, ['--reconcile-interval', '1']);
      const traffic = await startTraffic(a.pod, b.pod);
      for (const isOn of [false, true, false, true]) {
        await writeConfig(a.host, { FastPath: isOn });
        for (const { host } of [a, b]) {
          await waitFor('watch has taken it up', () => isFast(host) === isOn, { limitSeconds: 3 });
        }
        await traffic.goesOn();
      }
      await traffic.end();
    });

    it('watch looks flows up as soon as there are NAT rules, within its interval', async () => {
      const { a } = network();
      await using _ = await startWatch(a.host, ['--reconcile-interval', '1']);
      await a.host.exec(['nft', 'delete', 'table', 'ip', 'nat']);
      await waitFor('none any more', () => !looksUp(a.host), { limitSeconds: 3 });
      await a.host.exec(['nft', '-f', '-'], {
        input: 'table ip nat { chain pre { type nat hook prerouting priority dstnat; }; }\n',
      });
      await waitFor('again', () => looksUp(a.host), { limitSeconds: 3 });
    });

    it('watch warns of what it does not take up', async () => {
      const { a } = network();
      await using watching = await startWatch(a.host, ['--reconcile-interval', '1']);
      await writeConfig(a.host, { FastPath: false }, { SubnetLen: 25 });
      await waitFor('the warning', () =>
        /taken up by `tartan join`/.test(watching.running.stderr()),
      );
      assert.equal(isFast(a.host), true);
      await writeConfig(a.host, { FastPath: true });
    });

    it('off, the endpoints wait, and are served again', async () => {
      const { a } = network();
      await writeConfig(a.host, { FastPath: false });
      await join(a.host);
      const added = await addEndpoints(a.host);
      assert(added.every(({ active, changed }) => !active && !changed));
      await writeConfig(a.host, { FastPath: true });
      await a.host.tartan(['join']);
      assert((await addEndpoints(a.host)).every(({ active, changed }) => active && !changed));
    });

    async function writeConfig(host: Host, backend: object, change: object = {}): Promise<void> {
      const { config } = carrier;
      const changed = { ...config, ...change, Backend: { ...config.Backend, ...backend } };
      await host.tartan(['init-config', '--force', '-'], { input: JSON.stringify(changed) });
    }
  });
}

/** Pings every 5 ms and a conversation over TCP. */
async function startTraffic(from: Pod, to: Pod) {
  const target = { address: to.address, port: PORT };
  const server = await startServer(to, target, 'there');
  const chat = await startChat(from, target);
  const pings = from.start(['ping', '-n', '-D', '-i', `${0.005 * PATIENCE}`, to.address]);
  const answers = () => pings.stdout().split('bytes from').length - 1;
  return {
    async goesOn() {
      const before = answers();
      await waitFor('pings are answered', () => answers() > before + 20);
    },
    async end() {
      const { stdout } = await pings.stop('SIGINT');
      const { answered, longestMs } = await chat.end();
      await server.stop();
      assert.match(stdout, / 0% packet loss/);
      assert(answered > 100, `${answered} answers`);
      // One retransmission takes 200 ms, and doubles: on a busy machine one may happen.
      assert(longestMs < 1000 * PATIENCE, `an answer took ${longestMs} ms`);
    },
  };
}

/** Without FastPath there may be no programs at all. */
function isFast(host: Host): boolean {
  if (listGenerations(pinsOf(host.bpffs, 'default')).length === 0) return false;
  using maps = openMapsOf(host);
  return readSettingsStruct(maps).fast_path === 1;
}

function looksUp(host: Host): boolean {
  using maps = openMapsOf(host);
  return readSettingsStruct(maps).conntrack === 1;
}
