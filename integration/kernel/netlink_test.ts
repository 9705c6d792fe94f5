/** News of the host's network, from real namespaces. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Host } from '../../lab/host.ts';
import { enterNamespace, inNamespace } from '../../lab/in_namespace.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { watchRoutes } from '../../src/sys/netlink.ts';
import { memberAt } from './member.ts';
import { missing } from './requirements.ts';

/** That nothing comes can only be told by waiting. */
const QUIET_MILLISECONDS = 60;

const LIMIT_MILLISECONDS = 5000;

describe('the netlink monitor', { skip: missing() }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  before(async () => {
    lab = await createLab({ name: 'kernelnetlink', underlay: 'pair', pods: 0 });
    [a, b] = [lab.host('a'), lab.host('b')];
    await a.shell('ip link add port0 type bridge');
  });
  after(() => lab?.destroy());
  /** Ends every watch that a test has left. */
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  /** A watch on host a, whose socket is open. */
  function watch() {
    const stopping = new AbortController();
    const news = watchRoutes(stopping.signal);
    using _ = enterNamespace(a);
    let pending: Promise<IteratorResult<void>> | null = news.next();
    const next = () => {
      pending ??= news.next();
      return pending;
    };
    /** Waits for the next news; false: it has ended. */
    const hear = async () => {
      const told = await within(LIMIT_MILLISECONDS, next());
      assert(told, 'nothing was told');
      pending = null;
      return told.done !== true;
    };
    /** Whether there are no news for a while. */
    const isQuiet = async () => (await within(QUIET_MILLISECONDS, next())) === null;
    const hearAll = async () => {
      while (!(await isQuiet())) await hear();
    };
    return {
      hear,
      isQuiet,
      hearAll,
      stop: () => stopping.abort(),
      leave: () => news.return(undefined),
    };
  }

  it('tells of links, addresses and routes, made, changed and removed', async () => {
    const { hear, hearAll, stop } = watch();
    for (const change of [
      'link set port0 up',
      'link set port0 mtu 1400',
      'link set port0 address 02:00:00:00:00:05',
      'address add 10.44.0.1/24 dev port0',
      // The one change of an address that comes without a route's.
      'address change 10.44.0.1/24 dev port0 valid_lft 5000 preferred_lft 5000',
      'route add 10.45.0.0/16 via 10.44.0.2',
      'route delete 10.45.0.0/16',
      'address delete 10.44.0.1/24 dev port0',
      'link set port0 down',
      'link set port0 name port1',
      'link delete port1',
      'link add port0 type bridge',
    ]) {
      await a.exec(['ip', ...change.split(' ')]);
      assert.equal(await hear(), true, change);
      await hearAll();
    }
    stop();
    assert.equal(await hear(), false);
  });

  it('tells nothing when nothing happens, elsewhere, or when the state is read', async () => {
    // Where the driver of vxlan is a module, nobody knows of VNIs before it is loaded.
    await b.shell('ip link add vxlan9 type vxlan id 9 dstport 9; ip link delete vxlan9');
    const { hear, isQuiet, stop } = watch();
    await b.shell('ip link add port9 type bridge; ip link set port9 up; ip link delete port9');
    await memberAt(a).observe();
    await a.shell('ip route show table all; ip -details addr; bridge vni show');
    assert.equal(await isQuiet(), true);
    stop();
    assert.equal(await hear(), false);
  });

  it('tells of a burst after its end, whoever is slow to listen', async () => {
    const { hear, stop } = watch();
    const count = 200;
    const lines = Array.from({ length: count }, (_, at) => `route add 10.99.${at}.0/24 dev eth0`);
    const changing = a.exec(['ip', '-batch', '-'], { input: lines.join('\n') });
    while (await hear()) if (routesOf(a) === count) break;
    await changing;
    stop();
    while (await hear());
    await a.shell('ip route flush root 10.99.0.0/16');
  });

  it('tells of more than its socket holds', async () => {
    const { hear, hearAll, leave } = watch();
    const lines = Array.from({ length: 20_000 }, (_, at) => `${10 + (at >> 8)}.${at & 255}.0/24`);
    const batch = (verb: string) =>
      inNamespace(a, () =>
        execFileSync('ip', ['-batch', '-'], {
          input: lines.map((net) => `route ${verb} 172.${net} dev eth0\n`).join(''),
        }),
      );
    // Nothing is read in between: this thread waits for the command.
    batch('add');
    assert.equal(await hear(), true);
    await hearAll();
    batch('delete');
    assert.equal(await hear(), true);
    await leave();
  });

  it('ends by abort, by return and when it is aborted already; no descriptor stays open', async () => {
    const before = netlinkSockets();
    const waiting = watch();
    assert.equal(netlinkSockets(), before + 1);
    waiting.stop();
    assert.equal(await waiting.hear(), false);
    assert.equal(netlinkSockets(), before);

    const told = watch();
    await a.shell('ip link set port0 mtu 1300');
    await told.hear();
    await told.leave();
    assert.equal(netlinkSockets(), before);

    const aborted = watchRoutes(AbortSignal.abort());
    assert.equal((await aborted.next()).done, true);
    assert.equal(netlinkSockets(), before);

    for (let round = 0; round < 50; round += 1) {
      const { hear, stop } = watch();
      stop();
      await hear();
    }
    assert.equal(netlinkSockets(), before);
  });
});

/** null: it has not come so soon. */
async function within<T>(milliseconds: number, coming: Promise<T>): Promise<T | null> {
  const late = new AbortController();
  const limit = delay(milliseconds, null, { signal: late.signal }).catch(() => null);
  try {
    return await Promise.race([coming, limit]);
  } finally {
    late.abort();
  }
}

function routesOf(host: Host): number {
  const shown = inNamespace(host, () =>
    execFileSync('ip', ['route', 'show', 'root', '10.99.0.0/16'], { encoding: 'utf8' }),
  );
  return shown.split('\n').length - 1;
}

/** Sockets of this process; what else it opens are files and pipes. */
function netlinkSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}
