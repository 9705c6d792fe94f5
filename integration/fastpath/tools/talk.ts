/**
 * Ends of a conversation, to be run in a pod.
 *
 *   talk.ts serve PORT NAME ADDRESS           says "listening"; answers each line or datagram with NAME, who asked, and it
 *   talk.ts ask tcp|udp ADDRESS PORT COUNT    so many questions, over one connection; prints the answers
 *   talk.ts chat ADDRESS PORT                 a question every 2 ms over one connection, until SIGTERM; prints how many were
 *                                             answered, and the longest time that an answer took, in ms
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const ANSWER_LIMIT_MS = 2000;

function serve(port: number, name: string, address: string): void {
  const datagrams = createSocket('udp4');
  datagrams.on('message', (text, { address: asker, port: from }) => {
    datagrams.send(`${name} ${asker} ${text}`, from, asker);
  });
  const server = createServer(async (socket) => {
    socket.setNoDelay();
    socket.on('error', () => {});
    for await (const line of createInterface({ input: socket })) {
      socket.write(`${name} ${socket.remoteAddress?.replace('::ffff:', '')} ${line}\n`);
    }
  });
  datagrams.bind(port, address, () => server.listen(port, address, () => console.log('listening')));
}

async function askTcp(address: string, port: number, count: number): Promise<void> {
  const socket = await open(address, port);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  for (let number = 0; number < count; number += 1) {
    socket.write(`${number}\n`);
    console.log((await inTime(lines.next())).value);
  }
  process.exit(0);
}

async function askUdp(address: string, port: number, count: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.connect(port, address);
  await once(socket, 'connect');
  for (let number = 0; number < count; number += 1) {
    const answer = once(socket, 'message');
    socket.send(`${number}`);
    console.log(`${(await inTime(answer))[0]}`);
  }
  process.exit(0);
}

async function chat(address: string, port: number): Promise<void> {
  let isOver = false;
  process.on('SIGTERM', () => {
    isOver = true;
  });
  const socket = await open(address, port);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  console.log('connected');
  let answered = 0;
  let longestMs = 0;
  while (!isOver) {
    const start = performance.now();
    socket.write(`${answered}\n`);
    const { value } = await inTime(lines.next(), 10_000);
    if (!value?.endsWith(` ${answered}`)) throw new Error(`${answered} was answered ${value}`);
    answered += 1;
    longestMs = Math.max(longestMs, performance.now() - start);
    await pause(2);
  }
  console.log(JSON.stringify({ answered, longestMs: Math.round(longestMs) }));
  process.exit(0);
}

async function open(address: string, port: number): Promise<Socket> {
  const socket = connect({ host: address, port });
  await inTime(once(socket, 'connect'));
  return socket.setNoDelay();
}

async function inTime<T>(answer: Promise<T>, limitMs = ANSWER_LIMIT_MS): Promise<T> {
  const late = pause(limitMs, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${limitMs} ms`);
  });
  return Promise.race([answer, late]);
}

const [verb, ...args] = process.argv.slice(2);
if (verb === 'serve') serve(Number(args[0]), args[1] ?? '', args[2] ?? '');
else if (verb === 'chat') await chat(args[0] ?? '', Number(args[1]));
else if (verb === 'ask') {
  const ask = args[0] === 'udp' ? askUdp : askTcp;
  await ask(args[1] ?? '', Number(args[2]), Number(args[3]));
} else throw new Error(`talk.ts ${verb}: serve, ask or chat`);
