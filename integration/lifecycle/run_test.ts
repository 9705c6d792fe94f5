import assert from 'node:assert/strict';
import { dirname, join as joinPath } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import type { Running } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import type { WatchEvent } from '../../src/agent/events.ts';
import { openServiceSocket } from './service_socket.ts';
import { assertRefuses, hostsOf, initConfig, join, lacks, storedLeases } from './support.ts';

const NO_ETCD = lacks('etcd', 'etcdctl');
const PORT = '8999';

const eventsOf = ({ stdout }: Running): WatchEvent[] =>
  stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

const eventOf = (running: Running, type: WatchEvent['type']) =>
  waitFor(`a ${type} event of run`, () => eventsOf(running).find((event) => event.type === type), {
    limitSeconds: 20,
  });

async function probe(host: Host, path: string): Promise<string> {
  const url = `http://127.0.0.1:${PORT}${path}`;
  const { stdout } = await host.exec(['curl', '-sS', '-w', '%{http_code}', url], {
    mayFail: true,
  });
  return stdout;
}

describe('run', { skip: NO_ETCD, concurrency: 1 }, () => {
  let lab: Lab;
  let a: Host;
  let b: Host;
  beforeEach(async () => {
    lab = await createLab({ name: 'liferun', hosts: 2, pods: 0, store: 'etcd' });
    [a, b] = hostsOf(lab);
  });
  afterEach(() => lab.destroy());

  it('waits for the config, is ready when packets flow, and leaves the network behind', async () => {
    const socket = joinPath(dirname(a.stateDir), 'notify');
    using manager = openServiceSocket(socket);
    const env = {
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: '400000',
      FLANNELD_HEALTHZ_PORT: PORT,
    };
    await using running = a.startTartan(['run', '-iface-regex=^eth[0-9]$', '-v=0'], { env });
    const waits = await eventOf(running, 'error');
    assert.match(waits.message ?? '', /no network config/);
    assert.equal(await probe(a, '/healthz'), 'starting\n200');
    assert.match(await probe(a, '/readyz'), /no network config.*\n503$/);
    assert(!manager.told().some((state) => state.includes('READY')), 'not before packets flow');

    await initConfig(lab);
    const joined = await eventOf(running, 'joined');
    await waitFor('READY=1', () => manager.told().includes('READY=1'));
    // Which sees this host's lease in turn.
    const peer = await join(b);
    await eventOf(running, 'added');
    assert.equal(await ping(a, peer.subnet.replace('0/24', '0')), 1);
    assert.equal(await probe(a, '/readyz'), `member with ${joined.subnet}\n200`);
    assert.equal(await probe(a, '/healthz'), 'running\n200');
    assert.match(await probe(a, '/'), /404$/);
    await waitFor(
      'pings of the watchdog',
      () => manager.told().filter((state) => state === 'WATCHDOG=1').length > 2,
    );

    await assertRefuses(a, ['run'], {
      ...{ exit: 75, code: 'BUSY', message: /another tartan/, hint: /./ },
    });
    const { code } = await running.stop();
    assert.equal(code, 0);
    assert.equal(manager.told().filter((state) => state === 'READY=1').length, 1);
    assert(manager.told().includes('STOPPING=1'));
    assert.equal(await ping(a, peer.subnet.replace('0/24', '0')), 1, 'without a process');
    assert.equal((await storedLeases(lab)).length, 2);

    await using again = a.startTartan(['run'], {});
    assert.equal((await eventOf(again, 'joined')).subnet, joined.subnet);
  });

  it('renews and follows peers as watch does, and ends at once while it waits', async () => {
    await using waiting = a.startTartan(['run'], {});
    await eventOf(waiting, 'error');
    assert.equal((await waiting.stop()).code, 0);
    await initConfig(lab);
    await using running = a.startTartan(['run', '--iface-can-reach', b.address], {});
    assert.equal((await eventOf(running, 'joined')).publicIp, a.address);
    await eventOf(running, 'synced');
    const { subnet } = await join(b);
    assert.equal((await eventOf(running, 'added')).subnet, subnet);
    await b.tartan(['teardown']);
    assert.equal((await eventOf(running, 'removed')).subnet, subnet);
  });

  it('refuses what is not built, a port that is taken, and an address of another host', async () => {
    const usage = { exit: 2, code: 'USAGE', hint: /./ } as const;
    await assertRefuses(a, ['run', '--net-config-path', '/etc/net.json'], {
      ...{ ...usage, message: /--net-config-path is of kube-subnet-mgr/ },
    });
    await assertRefuses(
      a,
      ['run'],
      { ...usage, message: /FLANNELD_KUBE_SUBNET_MGR is not for tartan/ },
      { env: { FLANNELD_KUBE_SUBNET_MGR: '1' } },
    );
    await assertRefuses(a, ['run', '-iface-regex=['], { ...usage, message: /"\[" is no regular/ });
    const elsewhere = ['run', '--healthz-ip', b.address, '--healthz-port', PORT];
    await assertRefuses(a, elsewhere, { ...usage, message: new RegExp(`${b.address}:${PORT}`) });
    await initConfig(lab);
    const fitsNone = /no interface has a name or address that fits \^wlan/;
    await assertRefuses(a, ['join', '--iface-regex', '^wlan'], {
      ...{ exit: 1, code: 'INTERFACE', message: fitsNone, hint: /there are .*eth0/ },
    });
    await a.exec(['ip', 'route', 'add', 'unreachable', '203.0.113.9']);
    await assertRefuses(a, ['join', '--iface-can-reach', '203.0.113.9'], {
      ...{ exit: 1, code: 'INTERFACE', message: /no way to 203\.0\.113\.9/, hint: /--iface/ },
    });
    await using running = a.startTartan(['run', '--healthz-port', PORT], {});
    await eventOf(running, 'synced');
    await assertRefuses(a, ['run', '--healthz-port', PORT], {
      ...{ exit: 75, code: 'BUSY', message: /another process listens at 0\.0\.0\.0:8999/ },
      hint: /--healthz-port/,
    });
  });
});
