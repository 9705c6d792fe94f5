/** What tcpdump, which verifies every checksum, has to say of packets on a device. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Namespace } from '../../lab/namespace.ts';
import { run } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';

/** https://www.tcpdump.org/linktypes.html */
const ETHERNET = 1;
const RAW_IP = 101;

/** A file of a capture (pcap-savefile(5)): its header, and that of each packet, in bytes. */
const FILE_HEADER = 24;
const PACKET_HEADER = 16;

/** What comes in on the device while `action` runs: whole frames; of a flood, as much as it can take. */
export async function recordDuring(
  at: Namespace,
  { device, filter }: { device: string; filter: string },
  action: () => Promise<unknown>,
): Promise<Buffer[]> {
  using folder = temporaryFolder();
  const file = join(folder.path, 'capture');
  await using running = at.start([
    ...['tcpdump', '-i', device, '-Q', 'in', '-n', '--immediate-mode', '-s', '0', '-B', '16384'],
    ...['-Z', 'root', '-U', '-w', file, ...filter.split(' ')],
  ]);
  await waitFor('tcpdump listens', () => running.stderr().includes('listening on'));
  await action();
  await running.stop('SIGINT');
  return readCapture(readFileSync(file));
}

/** What `tcpdump -vv` prints of Ethernet frames. */
export function describeFrames(frames: readonly Buffer[]): Promise<string> {
  return describe(frames, ETHERNET);
}

/** The same of IP packets. */
export function describePackets(packets: readonly Buffer[]): Promise<string> {
  return describe(packets, RAW_IP);
}

/** The lines in which tcpdump finds fault with a checksum or a length. */
export function faultsIn(told: string): string[] {
  return told.split('\n').filter((line) => /bad.*cksum|incorrect|wrong|bad.?len/.test(line));
}

async function describe(packets: readonly Buffer[], linkType: number): Promise<string> {
  using folder = temporaryFolder();
  const file = join(folder.path, 'capture');
  writeFileSync(file, formatCapture(packets, linkType));
  return (await run(['tcpdump', '-n', '-vv', '-r', file])).stdout;
}

function readCapture(file: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = FILE_HEADER; at + PACKET_HEADER <= file.length; ) {
    const start = at + PACKET_HEADER;
    at = start + file.readUInt32LE(at + 8);
    packets.push(file.subarray(start, at));
  }
  return packets;
}

function formatCapture(packets: readonly Buffer[], linkType: number): Buffer {
  const words = (...numbers: number[]) => {
    const buffer = Buffer.alloc(4 * numbers.length);
    for (const [index, number] of numbers.entries()) buffer.writeUInt32LE(number, 4 * index);
    return buffer;
  };
  // Magic number, version 2.4, two that nobody uses, the longest packet.
  const header = words(0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x4_0000, linkType);
  return Buffer.concat([
    header,
    ...packets.flatMap((packet) => [words(0, 0, packet.length, packet.length), packet]),
  ]);
}

function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'tartan-capture-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
