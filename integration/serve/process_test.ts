/** `tartan serve` as a process: where it listens, signals, activation by a socket, wrong use. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Running, run, start } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { TARTAN } from '../../lab/tartan.ts';
import { assertJsonError, type Refusal } from '../lifecycle/support.ts';
import { makeCertificates } from '../store/certificates.ts';
import { ask, CONFIG, leaseBody, openWire } from './support.ts';

let folder: string;
let store: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tartan-serve-'));
  store = `file:${join(folder, 'net.db')}`;
  await run([TARTAN, 'init-config', '--store', store, CONFIG]);
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface Event {
  readonly type: string;
  readonly port: number;
}

const eventsOf = ({ stdout }: Running): Event[] =>
  stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

const listening = (running: Running): Promise<Event> =>
  waitFor(
    'it listens',
    () => {
      const event = eventsOf(running).find(({ type }) => type === 'listening');
      if (event === undefined && running.stderr() !== '') throw new Error(running.stderr());
      return event;
    },
    { limitSeconds: 30 },
  );

const serve = (...args: readonly string[]): Running =>
  start([TARTAN, 'serve', '--store', store, '--listen', '127.0.0.1:0', ...args]);

async function refused(args: readonly string[], expected: Refusal): Promise<void> {
  assertJsonError(await run([TARTAN, ...args, '--json'], { mayFail: true }), expected);
}

test('SIGTERM answers who waits, lets a request end, and is no failure', async () => {
  const running = serve();
  await using _ = running;
  const { port } = await listening(running);
  const { cursor } = JSON.parse((await ask(port, '/v1/_/leases')).text);
  const poll = ask(port, `/v1/_/leases?next=${cursor}&wait=60`);
  using half = openWire(port, '127.0.0.2');
  const body = leaseBody('127.0.0.2');
  const head = `PUT /v1/_/leases/10.0.1.0-24 HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\nContent-Length: ${body.length}\r\n\r\n`;
  half.socket.write(head + body.slice(0, 10));
  await ask(port, '/v1/_/config');
  const ended = running.stop();
  const told = await poll;
  assert.deepEqual([told.status, JSON.parse(told.text).events], [200, []]);
  assert.equal(told.headers.connection, 'close');
  half.socket.write(body.slice(10));
  assert.match(await half.ended, /^HTTP\/1\.1 200 [\s\S]*10\.0\.1\.0\/24/);
  const { code, stderr } = await ended;
  assert.deepEqual([code, stderr], [0, '']);
});

test('SIGTERM at any moment ends it', async () => {
  for (const moment of ['spawned', 'listening', 'asked', 'twice'] as const) {
    await using running = serve();
    if (moment !== 'spawned') {
      const { port } = await listening(running);
      if (moment === 'asked') void ask(port, '/v1/_/leases?next=1').catch(() => {});
      if (moment === 'twice') process.kill(running.pid, 'SIGTERM');
    }
    const startedAt = performance.now();
    const { code, stderr } = await running.stop();
    assert.equal(stderr, '', moment);
    // Before it hears signals, or at the second one, the signal itself ends it.
    const allowed = moment === 'spawned' || moment === 'twice' ? [0, 143, 255] : [0];
    assert(allowed.includes(code), `${moment}: ${code}`);
    assert(performance.now() - startedAt < 3_000, moment);
  }
});

test('it serves on when nobody reads what it prints', async () => {
  const args = ['serve', '--store', store, '--listen', '127.0.0.1:0'];
  const child = spawn(TARTAN, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = await once(child.stdout, 'data');
  const { port } = JSON.parse(String(line));
  child.stdout.destroy();
  // What it would say of is that its store is away, and back.
  const { cursor } = JSON.parse((await ask(port, '/v1/_/leases')).text);
  const poll = ask(port, `/v1/_/leases?next=${cursor}&wait=5`);
  renameSync(join(folder, 'net.db'), join(folder, 'away.db'));
  assert.equal((await poll).status, 503);
  renameSync(join(folder, 'away.db'), join(folder, 'net.db'));
  await waitFor('it answers again', async () => {
    return (await ask(port, '/v1/_/leases')).status === 200;
  });
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

test('it tells that its store is away, and back, whoever has asked, and a client not where it lies', async () => {
  await using running = serve();
  const { port } = await listening(running);
  const told = (type: string) => running.stdout().includes(`"type":"${type}"`);
  renameSync(join(folder, 'net.db'), join(folder, 'away.db'));
  const { status, text } = await ask(port, '/v1/_/config');
  assert.equal(status, 503);
  assert(!text.includes(folder), text);
  await waitFor('an error', () => told('error'));
  await ask(port, '/v1/_/leases');
  assert.equal(running.stdout().split('"type":"error"').length, 2, 'once');
  renameSync(join(folder, 'away.db'), join(folder, 'net.db'));
  await waitFor('it answers', async () => (await ask(port, '/v1/_/config')).status === 200);
  await waitFor('it tells', () => told('recovered'));
});

test('a socket that a service manager has opened: requests wait for it, and it is left open', async () => {
  const manager: Server = createServer();
  manager.listen(0, '127.0.0.1');
  await once(manager, 'listening');
  const { port } = manager.address() as { port: number };
  const { fd } = (manager as unknown as { _handle: { fd: number } })._handle;
  const launch = (listen: string, variables: string) =>
    spawn(
      'sh',
      ['-c', `${variables} exec "$0" serve --store "$1" --listen ${listen}`, TARTAN, store],
      {
        stdio: ['ignore', 'pipe', 'pipe', fd],
      },
    );
  try {
    for (const listen of ['fd://', 'fd://3']) {
      // Whoever asks before it runs waits in the socket's queue.
      manager.removeAllListeners('connection');
      const child = launch(listen, 'LISTEN_FDS=1 LISTEN_PID=$$');
      const exited = once(child, 'exit');
      await once(child.stdout ?? assert.fail(), 'data');
      assert.equal((await askUntilServed(port)).status, 200);
      child.kill('SIGTERM');
      assert.deepEqual(await exited, [0, null]);
    }
    for (const variables of ['', 'LISTEN_FDS=1 LISTEN_PID=1', 'LISTEN_FDS=0 LISTEN_PID=$$']) {
      const child = launch('fd://', variables);
      const [[text], [code]] = await Promise.all([
        once(child.stderr ?? assert.fail(), 'data'),
        once(child, 'exit'),
      ]);
      assert.match(String(text), /fd:\/\/3: no socket was passed on as descriptor 3/);
      assert.equal(code, 2);
    }
  } finally {
    manager.close();
  }
});

/** This process has the socket too, and takes connections that it then leaves alone. */
function askUntilServed(port: number) {
  return waitFor('an answer', async () => {
    const reply = ask(port, '/v1/_/config', { signal: AbortSignal.timeout(500) });
    return reply.catch(() => undefined);
  });
}

test('a port that is taken, an address of another host, and what is no place to listen', async () => {
  await using running = serve();
  const { port } = await listening(running);
  const at = (listen: string) => ['serve', '--store', store, '--listen', listen];
  await refused(at(`127.0.0.1:${port}`), {
    ...{ exit: 75, code: 'BUSY', message: new RegExp(`listens at 127\\.0\\.0\\.1:${port}`) },
    hint: /--listen/,
  });
  const usage = { exit: 2, code: 'USAGE', hint: /10\.0\.0\.1:8889|--listen/ } as const;
  await refused(at('192.0.2.1:1'), { ...usage, message: /cannot listen at 192\.0\.2\.1:1/ });
  await refused(at('here'), { ...usage, message: /"here" has no port/ });
  await refused(['serve', '--store', store], { ...usage, message: /nowhere to serve/ });
});

test('two stores, a server that is a client, and certificates that are not enough', async () => {
  const usage = { exit: 2, code: 'USAGE', hint: /./ } as const;
  const etcd = 'http://127.0.0.1:2379';
  const listen = ['--listen', '127.0.0.1:0'];
  await refused(['serve', ...listen, '--store', store, '--etcd-endpoints', etcd], {
    ...{ ...usage, message: /two stores are named/ },
  });
  await refused(['join', '--store', store, '--remote', '127.0.0.1:1'], {
    ...{ ...usage, message: /two stores are named/ },
  });
  await refused(['run', ...listen, '--remote', '127.0.0.1:1'], {
    ...{ ...usage, message: /--listen 127\.0\.0\.1:0 and --remote 127\.0\.0\.1:1 exclude/ },
  });
  await refused(['lease', 'list', '--remote', 'nowhere'], {
    ...{ ...usage, message: /--remote: "nowhere" is no host with a port/ },
  });
  for (const [admin, message] of [
    ['10.0.0.0/8', /--allow-admin: "10\.0\.0\.0\/8" is no address/],
    ['10.0.0.300', /"10\.0\.0\.300" is no address/],
    ['boss', /"boss" is a name, and clients are not asked/],
  ] as const) {
    await refused(['serve', ...listen, '--store', store, '--allow-admin', admin], {
      ...{ exit: 2, code: 'USAGE', message, hint: /./ },
    });
  }
  await refused(['serve', ...listen, '--store', store, '--authorize', 'certificate'], {
    ...{ ...usage, message: /clients are not asked for certificates/ },
  });
  const { ca } = await makeCertificates(folder);
  await refused(['serve', ...listen, '--store', store, '--remote-cafile', ca], {
    ...{ ...usage, message: /no certificate of the server/ },
  });
  await refused(['serve', ...listen, '--store', `file:${folder}/none.db`], {
    ...{ exit: 1, code: 'CONFIG_MISSING', message: /none\.db/, hint: /init-config/ },
  });
});

test('run --listen is serve, and nobody answering is told with 75', async () => {
  await using running = start([TARTAN, 'run', `-listen=127.0.0.1:0`, '--store', store]);
  const { port } = await listening(running);
  const listed = await run([TARTAN, 'lease', 'list', '--json', '--remote', `127.0.0.1:${port}`]);
  assert(Array.isArray(JSON.parse(listed.stdout).leases));
  assert.equal((await running.stop()).code, 0);
  await refused(['lease', 'list', '--remote', `127.0.0.1:${port}`], {
    ...{ exit: 75, code: 'STORE_UNAVAILABLE', message: /ECONNREFUSED/, hint: /tartan serve/ },
  });
});
