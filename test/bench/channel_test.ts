import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { checkHello, helloOf, openChannel, PROTOCOL } from '../../src/bench/channel.ts';
import { readRequest } from '../../src/bench/request.ts';
import { TartanError } from '../../src/errors.ts';

const never = new AbortController().signal;

/** A server on loopback that does this to whoever connects. */
async function answering(act: (socket: Socket) => void) {
  const server = createServer((socket) => act(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    to: { address: '127.0.0.1', port, bind: null },
    [Symbol.dispose]: () => void server.close(),
  };
}

function error(code: string, message: RegExp) {
  return (thrown: unknown) => {
    assert(thrown instanceof TartanError);
    assert.equal(thrown.code, code);
    assert.match(thrown.message, message);
    assert.notEqual(thrown.hint, '');
    return true;
  };
}

describe('the conversation', () => {
  it('takes messages as they come, several in one piece and one in several', async () => {
    using server = await answering((socket) => {
      socket.write('{"n":1}\n{"n":2}\n{"n"');
      setImmediate(() => socket.write(':3}\n'));
    });
    using channel = await openChannel(server.to, never);
    const all = [await channel.receive(2), await channel.receive(2), await channel.receive(2)];
    assert.deepEqual(all, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('has a limit for every answer', async () => {
    using server = await answering(() => {});
    using channel = await openChannel(server.to, never);
    await assert.rejects(channel.receive(0.05), error('PEER_UNAVAILABLE', /within 0.05 s/));
  });

  it('says so when the other end is gone, after what it has said', async () => {
    using server = await answering((socket) => socket.end('{"last":true}\n'));
    using channel = await openChannel(server.to, never);
    assert.deepEqual(await channel.receive(2), { last: true });
    await assert.rejects(channel.receive(2), error('PEER_UNAVAILABLE', /has closed/));
    assert(channel.closed.aborted);
  });

  it('knows what is no bench: other text, too much of it, other JSON', async () => {
    for (const text of ['SSH-2.0-OpenSSH_9.2\r\n', 'x'.repeat(100_000), '17\n', 'null\n']) {
      using server = await answering((socket) => socket.write(text));
      using channel = await openChannel(server.to, never);
      await assert.rejects(channel.receive(2), error('PEER_FAILED', /is no tartan bench/));
    }
    assert.throws(() => checkHello('x', { a: 1 }, '1'), error('PEER_FAILED', /no tartan bench/));
  });

  it('refuses another protocol, and names both versions', () => {
    checkHello('x', helloOf('7.7.7'), '1.0.0');
    const newer = { tartanBench: PROTOCOL + 1, version: '9.0.0' };
    assert.throws(
      () => checkHello('10.0.0.1:5210', newer, '1.0.0'),
      error('PEER_FAILED', /10\.0\.0\.1:5210 has tartan 9\.0\.0.*this is tartan 1\.0\.0/),
    );
  });

  it('hands on what the other end complains of, but no code that is not for it', () => {
    const busy = { code: 'BUSY', message: 'in use', hint: 'wait' };
    assert.throws(() => checkHello('x', { error: busy }, '1'), error('BUSY', /^x says: in use/));
    const odd = { code: 'LEASE_LOST', message: 'in use', hint: 'wait' };
    assert.throws(() => checkHello('x', { error: odd }, '1'), error('PEER_FAILED', /in use/));
    assert.throws(() => checkHello('x', { error: 3 }, '1'), error('PEER_FAILED', /failed/));
  });

  it('says who does not answer', async () => {
    const { to } = await answering(() => {}).then((server) => {
      server[Symbol.dispose]();
      return server;
    });
    await assert.rejects(openChannel(to, never), error('PEER_UNAVAILABLE', /ECONNREFUSED/));
    const foreign = { ...to, bind: '192.0.2.1' };
    await assert.rejects(openChannel(foreign, never), error('INTERFACE', /192\.0\.2\.1 is not/));
  });

  it('can be given up', async () => {
    using server = await answering(() => {});
    const channel = await openChannel(server.to, never);
    channel[Symbol.dispose]();
    await assert.rejects(channel.receive(2), error('PEER_UNAVAILABLE', /closed/));
  });
});

describe('what the serving end can be asked for', () => {
  it('is a known test within bounds', () => {
    assert.deepEqual(readRequest({ do: 'tcp', seconds: 3 }), { do: 'tcp', seconds: 3 });
    const count = { do: 'count', seconds: 0.5, port: 40_000 };
    assert.deepEqual(readRequest({ ...count, more: 1 }), count);
    const refused = [
      {},
      { do: 'shell', seconds: 1, port: 1 },
      { do: 'tcp', seconds: 0 },
      { do: 'tcp', seconds: 1e9 },
      { do: 'tcp', seconds: '3' },
      { do: 'flood', seconds: 1 },
      { do: 'flood', seconds: 1, port: 0 },
      { do: 'echo', seconds: 1, port: 70_000 },
      { do: 'echo', seconds: 1, port: 1.5 },
    ];
    for (const request of refused)
      assert.throws(() => readRequest(request), error('PEER_FAILED', /cannot be asked/));
  });
});
