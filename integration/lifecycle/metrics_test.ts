import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Host } from '../../lab/host.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { waitForLinks } from '../../lab/links.ts';
import type { Running } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping } from '../../lab/traffic.ts';
import { expressionsOf, namesIn, namesTold, read } from '../../test/monitoring/names.ts';
import { NO_PROMTOOL, promtool } from '../../test/monitoring/promtool.ts';
import { seriesOf } from '../../test/serve/sources.ts';
import { GATEWAY } from './host_changes.ts';
import { hostsOf, initConfig, join, lacks } from './support.ts';

const PORT = '8999';

async function get(host: Host, path: string): Promise<{ status: number; text: string }> {
  const url = `http://127.0.0.1:${PORT}${path}`;
  const { stdout } = await host.exec(['curl', '-sS', '-w', '%{http_code}', url]);
  return { status: Number(stdout.slice(-3)), text: stdout.slice(0, -3) };
}

/** One scrape, asked by names of series without the network, as all are of one. */
async function scrape(host: Host): Promise<(series: string) => number | undefined> {
  const { status, text } = await get(host, '/metrics');
  assert.equal(status, 200, text);
  const series = seriesOf(text);
  return (name) => {
    const [metric, labels = '}'] = name.split('{');
    const rest = labels === '}' ? labels : `,${labels}`;
    const value = series[`tartan_${metric}{network="default"${rest}`];
    return value === undefined ? undefined : Number(value);
  };
}

/** In one transaction, from 10.5.255.0/24 downwards. */
async function addPeers(lab: Lab, count: number): Promise<void> {
  const puts = Array.from({ length: count }, (_, n) => {
    const mac = `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`;
    const value = `{"PublicIP":"192.168.99.${n + 1}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${mac}"}}`;
    return `put /coreos.com/network/subnets/10.5.${255 - n}.0-24 ${JSON.stringify(value)}`;
  });
  await lab.etcd?.ctl(['txn'], { input: `\n${puts.join('\n')}\n\n\n` });
}

describe('metrics of run', { skip: lacks('etcd', 'etcdctl', 'curl'), concurrency: 1 }, () => {
  let lab: Lab;
  let a: Host;
  let running: Running;
  let peer: string;
  beforeEach(async () => {
    lab = await createLab({ name: 'metrics', hosts: 2, pods: 0, store: 'etcd' });
    const [first, b] = hostsOf(lab);
    a = first;
    await initConfig(lab);
    peer = (await join(b)).subnet;
    running = a.startTartan(
      ['run', '--iface', 'eth0', '--healthz-port', PORT, '--reconcile-interval', '1'],
      {},
    );
    await until('it is a member', { ready: 1, peers_programmed: 1, differences: 0 });
    // So that b knows a.
    await join(b);
  });
  afterEach(async () => {
    await running?.stop();
    await lab.destroy();
  });

  /** The first scrape that has these values, or for which these hold. */
  const until = (
    what: string,
    wanted: Readonly<Record<string, number | ((value: number) => boolean)>>,
  ) => {
    let seen = '';
    return waitFor(
      what,
      async () => {
        const now = await scrape(a);
        seen = JSON.stringify(Object.keys(wanted).map((name) => [name, now(name)]));
        const holds = Object.entries(wanted).every(([name, is]) => {
          const value = now(name);
          return typeof is === 'number' ? value === is : value !== undefined && is(value);
        });
        if (!holds) throw new Error(`${seen}\n${running.stdout()}${running.stderr()}`);
        return now;
      },
      { limitSeconds: 30, everyMilliseconds: 200 },
    );
  };

  it('tell of the lease, the peers, and the traffic with each as it flows', async () => {
    const before = await scrape(a);
    const sent = `{subnet="${peer}",direction="sent"}`;
    const received = `{subnet="${peer}",direction="received"}`;
    assert.equal(before('healthy'), 1);
    assert.equal(before('lease_held'), 1);
    assert.equal(before('store_reachable'), 1);
    assert.equal(before('peers_desired'), 1);
    assert.equal(before('traffic_counted'), 1);
    assert.equal(before(`peer_packets_total${sent}`), 0);
    assert.equal(before('drops_total{reason="drop_no_peer"}'), 0);
    const inADay = (before('lease_expiry_timestamp_seconds') ?? 0) - Date.now() / 1000;
    assert(Math.abs(inADay - 86_400) < 120, `${inADay} s`);

    const pings = 5;
    assert.equal(await ping(a, peer.replace('0/24', '0'), { count: pings, size: 72 }), pings);
    await ping(a, '10.5.250.250');
    const after = await until('the drop is seen', {
      'drops_total{reason="drop_no_peer"}': (count) => count > 0,
    });
    for (const direction of [sent, received]) {
      assert.equal(after(`peer_packets_total${direction}`), pings);
      assert.equal(after(`peer_bytes_total${direction}`), pings * 100);
    }
    const [young, old] = [before('lease_age_seconds') ?? 0, after('lease_age_seconds') ?? 0];
    assert(young >= 0 && old > young && old < 120, `${young} s, then ${old} s`);
    assert.equal(after('drops_total{reason="drop_spoofed_source"}'), 0);

    // Of so many the counters are read otherwise.
    await addPeers(lab, 100);
    const many = await until('a hundred peers more', { peers_desired: 101, peers_programmed: 101 });
    for (const direction of [sent, received]) {
      assert.equal(many(`peer_packets_total${direction}`), pings);
      assert.equal(many(`peer_bytes_total${direction}`), pings * 100);
    }
    assert.equal(many('peer_packets_total{subnet="10.5.255.0/24",direction="sent"}'), 0);
  });

  it('follow peers that come and go, and count what is mended', async () => {
    const key = '/coreos.com/network/subnets/10.5.250.0-24';
    const value =
      '{"PublicIP":"192.168.77.99","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:99"}}';
    const before = await scrape(a);
    await lab.etcd?.ctl(['put', key], { input: value });
    const more = await until('a peer more', { peers_desired: 2, peers_programmed: 2 });
    assert.equal(more('peer_packets_total{subnet="10.5.250.0/24",direction="sent"}'), 0);
    assert((more('watch_revision') ?? 0) > (before('watch_revision') ?? 0));
    assert((more('ops_applied_total{op="peers.write"}') ?? 0) >= 2);
    assert.equal(more('events_total{type="added"}'), 1);
    await lab.etcd?.ctl(['del', key]);
    const less = await until('a peer less', { peers_desired: 1, peers_programmed: 1 });
    assert.equal(less('peer_packets_total{subnet="10.5.250.0/24",direction="sent"}'), undefined);
    const made = less('ops_applied_total{op="link.add"}') ?? 0;
    await a.exec(['ip', 'link', 'delete', 'flannel.1']);
    await until('the device is made anew', {
      'ops_applied_total{op="link.add"}': made + 1,
      differences: 0,
      'events_total{type="reconciled"}': (count) => count > 0,
    });
  });

  it('say that the store is away, which is no reason not to be ready, and that it is back', async () => {
    await lab.etcd?.stop('SIGKILL');
    await until('the store is seen to be away', {
      store_reachable: 0,
      watch_lag_seconds: (lag) => lag > 2,
      ready: 1,
    });
    assert.equal((await get(a, '/readyz')).status, 200);
    await lab.etcd?.start();
    await until('it is seen to be back', {
      store_reachable: 1,
      watch_lag_seconds: (lag) => lag < 2,
    });
  });

  it('say that the underlay is down, as /readyz does, and that it is back', async () => {
    const { subnet } = JSON.parse(running.stdout().split('\n')[0] ?? '{}');
    await a.exec(['ip', 'link', 'set', 'eth0', 'down']);
    await until('it is not ready', {
      ready: 0,
      healthy: 1,
      'reconciles_total{result="failed"}': (count) => count > 0,
    });
    assert.deepEqual(await get(a, '/readyz'), { status: 503, text: 'interface eth0 is down\n' });
    assert.equal((await get(a, '/healthz')).status, 200);
    await a.exec(['ip', 'link', 'set', 'eth0', 'up']);
    await a.exec(['ip', 'route', 'add', 'default', 'via', GATEWAY]);
    await waitForLinks(a, ['eth0']);
    await until('it is ready again', { ready: 1 });
    assert.deepEqual(await get(a, '/readyz'), { status: 200, text: `member with ${subnet}\n` });
  });

  it('are what promtool takes, and all that the dashboard and the rules name', {
    skip: NO_PROMTOOL,
  }, async () => {
    const { text } = await get(a, '/metrics');
    const { status, said } = promtool(['check', 'metrics'], text);
    assert.deepEqual({ status, said }, { status: 0, said: '' });
    const told = namesTold(text);
    const named = namesIn(
      [...expressionsOf(read('monitoring/grafana.json')), read('monitoring/alerts.yml')].join('\n'),
    );
    assert.deepEqual(
      named.filter((name) => !told.includes(name)),
      [],
    );
    const empty = told.filter((name) => !new RegExp(`^${name}[ {]`, 'm').test(text));
    assert.deepEqual(empty, [], 'each has a value');
  });
});
