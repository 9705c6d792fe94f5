import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WatchEvent } from '../../src/agent/events.ts';
import { createHealth } from '../../src/agent/health.ts';
import { type RunWorld, run } from '../../src/agent/run.ts';
import { waitOut } from '../../src/agent/wait_out.ts';
import { TartanError } from '../../src/errors.ts';
import { bell, ofType, until } from './watching.ts';
import { CONFIG, hostOf, interfaceOf, type TestHost, testHost } from './world.ts';

function runOn(host: TestHost, changes: Partial<RunWorld> = {}) {
  const events: WatchEvent[] = [];
  const health = createHealth(3600, () => performance.now());
  const { store, ...world } = host.world;
  const ended = run(
    {
      ...world,
      ...{ openStore: async () => store, watchHost: () => bell().rings, health },
      emit: (event) => events.push(event),
      ...changes,
    },
    { ...host.settings, reconcileIntervalSeconds: 3600 },
  );
  ended.catch(() => {});
  const event = async (type: WatchEvent['type']) => {
    await until(
      () => events.some(ofType(type)),
      () => `${type} in ${JSON.stringify(events)}`,
    );
    return events.find(ofType(type)) ?? assert.fail();
  };
  const stop = async () => {
    host.controller.abort();
    await ended;
  };
  return { events, event, health, ended, stop };
}

test('run joins and then watches, and is ready no sooner than its peers are in the kernel', async () => {
  await using host = await testHost();
  const running = runOn(host);
  const joined = await running.event('joined');
  await running.event('synced');
  assert.deepEqual(
    running.events.map(({ type }) => type),
    ['joined', 'synced'],
  );
  const [lease] = (await host.store.list()).leases;
  assert.equal(joined.publicIp, lease?.attributes.publicIp);
  assert.match(joined.message ?? '', /^vxlan in .* mode over eth0, MTU 1450, 0 peers$/);
  assert.deepEqual(running.health.ready(), { good: true, text: `member with ${joined.subnet}` });
  await running.stop();
});

test('run is not ready while the underlay is down, however well it has begun', async () => {
  await using host = await testHost();
  const links = [interfaceOf('eth0')];
  const { rings, ring } = bell();
  const world = { ...host.world, host: hostOf(links) };
  const running = runOn({ ...host, world }, { watchHost: () => rings });
  const { subnet } = await running.event('joined');
  await running.event('synced');
  const tells = (text: string) =>
    until(
      () => running.health.ready().text === text,
      () => `${text}, not ${running.health.ready().text}`,
    );
  links[0] = interfaceOf('eth0', { up: false });
  ring();
  await tells('interface eth0 is down');
  assert.equal(running.health.ready().good, false);
  links[0] = interfaceOf('eth0');
  ring();
  await tells(`member with ${subnet}`);
  assert.equal(running.health.ready().good, true);
  await running.stop();
});

test('run waits for a store that is not there yet, and says so once', async () => {
  await using host = await testHost();
  let tries = 0;
  const openStore = async () => {
    tries += 1;
    if (tries < 3) throw new TartanError('CONFIG_MISSING', 'no store', 'make it');
    return host.store;
  };
  const running = runOn(host, { openStore });
  await running.event('synced');
  const errors = running.events.filter(ofType('error'));
  assert.deepEqual(
    errors.map(({ message }) => message),
    ['no store'],
  );
  await running.stop();
});

test('run waits for a store that goes away between joining and watching', async () => {
  await using host = await testHost();
  let isAway = false;
  const store = {
    ...host.store,
    async readConfig() {
      if (isAway) throw new TartanError('STORE_UNAVAILABLE', 'gone', 'wait');
      return host.store.readConfig();
    },
  };
  const seen: WatchEvent['type'][] = [];
  const running = runOn(host, {
    openStore: async () => store,
    emit({ type }) {
      seen.push(type);
      isAway = type === 'joined';
    },
  });
  await until(
    () => seen.includes('synced'),
    () => `synced in ${seen}`,
  );
  assert.deepEqual(seen, ['joined', 'error', 'synced']);
  await running.stop();
});

test('run ends with what waiting does not help against, and without a word when a signal comes', async () => {
  await using host = await testHost();
  const config = await host.store.readConfig();
  await host.store.writeConfig(CONFIG.replace('vxlan', 'quic'), config);
  await assert.rejects(runOn(host).ended, { code: 'CONFIG_INVALID' });

  await using other = await testHost();
  const away = new TartanError('STORE_UNAVAILABLE', 'away', 'wait');
  const running = runOn(other, { openStore: () => Promise.reject(away) });
  await running.event('error');
  await running.stop();
});

test('each reason is told when it is another than the last one', async () => {
  const reasons = ['a', 'a', 'b', 'a'];
  const told: string[] = [];
  const attempt = async () => {
    const reason = reasons.shift();
    if (reason !== undefined) throw new TartanError('INTERFACE', reason, '');
    return 'done';
  };
  const pause = async () => {};
  const { signal } = new AbortController();
  assert.equal(await waitOut(attempt, signal, (message) => told.push(message), pause), 'done');
  assert.deepEqual(told, ['a', 'b', 'a']);
});
