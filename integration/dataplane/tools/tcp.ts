/**
 * Ends of a TCP connection, to be run in a pod.
 *
 *   tcp.ts receive PORT                  says "listening"; then what one connection brought: {"bytes":N,"sha256":"…"}
 *   tcp.ts send ADDRESS PORT MEGABYTES   random bytes; the same report
 *   tcp.ts proxy PORT ADDRESS PORT       says "listening"; joins each connection to one of its own
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { finished } from 'node:stream/promises';

const MEGABYTE = 1_000_000;

function receive(port: number): void {
  const server = createServer(async (socket) => {
    server.close();
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const part of socket) {
      hash.update(part);
      bytes += part.length;
    }
    report(bytes, hash.digest('hex'));
  });
  server.listen(port, () => console.log('listening'));
}

async function send(address: string, port: number, megabytes: number): Promise<void> {
  const socket = connect({ host: address, port });
  const hash = createHash('sha256');
  const block = randomBytes(MEGABYTE);
  for (let number = 0; number < megabytes; number += 1) {
    // A copy: the one before may not have left yet.
    const part = Buffer.from(block);
    part.writeUInt32BE(number);
    hash.update(part);
    if (!socket.write(part)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.end();
  socket.resume();
  await finished(socket);
  report(megabytes * MEGABYTE, hash.digest('hex'));
}

function proxy(port: number, address: string, targetPort: number): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const target = connect({ host: address, port: targetPort, allowHalfOpen: true });
    pipeline(socket, target, socket, () => {});
  });
  server.listen(port, () => console.log('listening'));
}

function report(bytes: number, sha256: string): void {
  console.log(JSON.stringify({ bytes, sha256 }));
}

const [verb, ...args] = process.argv.slice(2);
if (verb === 'receive') receive(Number(args[0]));
else if (verb === 'send') await send(args[0] ?? '', Number(args[1]), Number(args[2]));
else if (verb === 'proxy') proxy(Number(args[0]), args[1] ?? '', Number(args[2]));
else throw new Error(`tcp.ts ${verb}: receive, send or proxy`);
