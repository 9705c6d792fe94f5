import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../lab/host.ts';
import { listGenerations, listLinks, pinsOf } from '../src/bpf/pins.ts';
import type { Act, Breakage, Loss } from './acts.ts';
import { endLease, subnetOf } from './leases.ts';
import type { Player } from './player.ts';
import { askEtcd, type Stage } from './stage.ts';

/** What needs no store is to be in step within 2 s; here eight hosts share a machine. */
const MEND_MS = 4_000;

/** Set on by so much, a lease of 24 hours is to be renewed. */
const DUE_SECONDS = 25 * 3_600;

/** What others must hear of by the store. */
const HEARSAY_MS = Number.POSITIVE_INFINITY;

/** Does it, and waits until it is over. @throws Error if the host cannot be got going again */
export async function perform(stage: Stage, act: Act): Promise<void> {
  if (act.kind === 'kill-etcd') {
    await stage.etcd.stop('SIGKILL');
    await delay(act.downMs);
    return stage.etcd.start();
  }
  if (act.kind === 'compact') return compact(stage);
  const player = stage.player(act.host);
  const { host } = player;
  const all = (mendMs: number) =>
    stage.disturb({ hosts: [act.host], mendMs, cause: `${act.kind} ${act.host}` });
  switch (act.kind) {
    case 'kill-watch':
      await player.killWatch();
      await delay(act.downMs);
      return player.startWatch();
    case 'kill-renew':
      return killRenew(stage, player, act.afterMs);
    case 'kill-join': {
      await player.killWatch();
      const joining = player.start(['join']);
      await delay(act.afterMs);
      await joining.stop('SIGKILL');
      await player.join();
      return player.startWatch();
    }
    case 'cut-store':
      return cutStore(stage, player, act);
    case 'cut-hosts': {
      const over = stage.disturb({
        hosts: [act.host, act.other],
        mendMs: MEND_MS,
        cause: `cut ${act.host} and ${act.other}`,
      });
      const other = stage.player(act.other).host.address;
      await stage.cuts.cut(host.address, other);
      await delay(act.forMs);
      await stage.cuts.mend(host.address, other);
      return over();
    }
    case 'unplug': {
      const over = all(MEND_MS);
      const fabric = stage.lab.node('fabric');
      await fabric.exec(['ip', 'link', 'set', `port-${host.name}`, 'down']);
      await delay(act.forMs);
      await fabric.exec(['ip', 'link', 'set', `port-${host.name}`, 'up']);
      return over();
    }
    case 'flap': {
      const over = all(MEND_MS);
      for (let time = 0; time < act.times; time += 1) {
        await host.exec(['ip', 'link', 'set', host.device, 'down']);
        await delay(act.forMs / 2);
        await host.shell(
          `ip link set ${host.device} up; ip route add default via ${stage.lab.topology.service.address}`,
        );
        await delay(act.forMs / 2);
      }
      return over();
    }
    case 'break':
      return breakIt(stage, player, act.what);
    case 'step-clock':
      return player.setClock(act.seconds);
    case 'expire': {
      const over = await lose(stage, player, 'expires');
      return over();
    }
    case 'rejoin': {
      const over = all(HEARSAY_MS);
      bereave(stage, act.host, 0);
      await player.stopWatch();
      await player.tartan(['teardown']);
      await delay(act.downMs);
      await player.join();
      await player.startWatch();
      return over();
    }
    case 'reboot': {
      const over = all(MEND_MS);
      await player.killWatch();
      await host.exec(['ip', 'link', 'del', 'flannel.1'], { mayFail: true });
      for (const path of [`${host.bpffs}/tartan`, host.stateDir, host.subnetFile])
        rmSync(path, { recursive: true, force: true });
      await delay(act.downMs);
      await player.join();
      await player.startWatch();
      return over();
    }
  }
}

/** The host and etcd are cut off from each other, and more happens meanwhile. */
async function cutStore(
  stage: Stage,
  player: Player,
  { forMs, isDue, breaks, lease }: Extract<Act, { kind: 'cut-store' }>,
): Promise<void> {
  const { address } = stage.lab.topology.service;
  if (isDue) player.setClock(DUE_SECONDS);
  await stage.cuts.cut(player.host.address, address);
  await delay(forMs / 2);
  if (breaks !== null) await breakIt(stage, player, breaks);
  const over = lease === null ? null : await lose(stage, player, lease);
  await delay(forMs / 2);
  await stage.cuts.mend(player.host.address, address);
  over?.();
}

async function compact(stage: Stage): Promise<void> {
  const status = await askEtcd(stage, ['endpoint', 'status', '--write-out=fields']);
  const revision = /"Revision" : (\d+)/.exec(status)?.[1] ?? '0';
  // Nothing has happened since the last time: etcd calls that an error.
  await stage.etcd.ctl(['compact', revision], { mayFail: true });
}

async function killRenew(stage: Stage, player: Player, afterMs: number): Promise<void> {
  const renewing = player.start(['renew']);
  const isDone = await Promise.race([renewing.ended, delay(afterMs, null)]);
  const { code, stderr } = isDone ?? (await renewing.stop('SIGKILL'));
  if (isDone === null || code === 0 || code === 75) return;
  if (!stage.bereft.has(player.name)) throw new Error(`renew ended with ${code}: ${stderr}`);
}

function bereave({ bereft }: Stage, name: string, losses: 0 | 1): void {
  bereft.set(name, (bereft.get(name) ?? 0) + losses);
}

/** @returns notes that the host can see to it again */
async function lose(stage: Stage, player: Player, loss: Loss): Promise<() => void> {
  const subnet = subnetOf(player.host);
  if (subnet === null || player === stage.reserved.player) return () => {};
  bereave(stage, player.name, 1);
  const over = stage.disturb({
    hosts: [player.name],
    mendMs: HEARSAY_MS,
    cause: `the lease of ${player.name} ${loss}`,
  });
  await endLease(stage, subnet, loss);
  return over;
}

async function breakIt(stage: Stage, { name, host }: Player, what: Breakage): Promise<void> {
  const over = stage.disturb({ hosts: [name], mendMs: MEND_MS, cause: `${what} of ${name} gone` });
  await damage(host, what);
  over();
}

async function damage(host: Host, what: Breakage): Promise<void> {
  const pins = pinsOf(host.bpffs, 'default');
  switch (what) {
    case 'device':
      await host.exec(['ip', 'link', 'del', 'flannel.1']);
      return;
    case 'device-down':
      await host.exec(['ip', 'link', 'set', 'flannel.1', 'down']);
      return;
    case 'routes':
      await host.exec(['ip', 'route', 'flush', 'proto', '116']);
      return;
    case 'filter':
      // Nothing else holds the link: the program is detached.
      for (const name of listLinks(pins)) rmSync(pins.link(name));
      return;
    case 'pins':
      rmSync(`${pins.generation(listGenerations(pins)[0] ?? '')}/settings_map`);
      return;
    case 'subnet-env':
      rmSync(host.subnetFile, { force: true });
  }
}
