/** Ten thousand random packets over the wire: all accounted for, none but good ones delivered, and all goes on. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PATIENCE } from '../../../lab/patience.ts';
import { waitFor } from '../../../lab/ready.ts';
import { UNDERLAY_DEVICE } from '../../../lab/topology.ts';
import { ping } from '../../../lab/traffic.ts';
import { readCounters, readTraffic } from '../../../src/bpf/counters.ts';
import { counterNames } from '../../../src/bpf/layouts.gen.ts';
import type { OpenMaps } from '../../../src/bpf/open_map.ts';
import { slotOf } from '../../../src/bpf/peer_maps.ts';
import { readSettings } from '../../../src/bpf/settings.ts';
import { formatIpv4 } from '../../../src/net/ipv4.ts';
import type { Peer } from '../../../src/plan/dataplane.ts';
import { writeRandomPacket } from '../../bpf/mutations.ts';
import { describeWorld, isMartian, type World } from '../../bpf/oracle.ts';
import { ECN, LENGTH, letters, PROTOCOL } from '../../bpf/packets.ts';
import { seededRandom } from '../../bpf/random.ts';
import { tcpPayload, udpPayload } from '../../bpf/scene.ts';
import type { Carrier } from '../../carriers/contract.ts';
import { openMapsOf } from '../../dataplane/meter.ts';
import { createNetwork, type Network } from '../../dataplane/network.ts';
import { sendFrames } from '../../dataplane/raw.ts';
import { missing } from '../../dataplane/requirements.ts';
import { buildTools, type Capture, startCapture } from '../../dataplane/senders.ts';
import { addUp, assertAccounted } from '../account.ts';
import { describeScene, forge, innerPacket, probe, type Scene } from '../frames.ts';
import { watchKernelLog } from '../kernel_log.ts';

const FRAMES = Math.ceil(10_000 / PATIENCE);
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const skip = await missing('dmesg');

export function testRandomPackets(carrier: Carrier): void {
  const { programs } = carrier;
  if (programs === null)
    throw new Error(`${carrier.name} has no programs that account for packets`);
  describe(`random packets over the wire, ${carrier.name}`, { skip }, () => {
    const cleanUp = new AsyncDisposableStack();
    let scene: Scene;
    let inPod: Capture;
    before(async () => {
      await buildTools();
      const network = await createNetwork({ name: 'security', underlay: 'flat' }, carrier);
      cleanUp.defer(() => network.lab.destroy());
      scene = await describeScene(network);
      inPod = cleanUp.use(await startCapture(network.b.pod, 'eth0'));
    });
    after(() => cleanUp.disposeAsync());

    it('are accounted for, and only good ones arrive', async (t) => {
      t.diagnostic(`seed ${seed}`);
      const { network } = scene;
      const { b, c } = network;
      using maps = openMapsOf(b.host);
      const [world, frames] = [worldOf(network, maps), makeFrames(scene)];
      const verdicts = frames.map((bytes) =>
        programs.judge(world, { bytes, length: bytes.length, mark: 0, gsoSize: 0, packets: 1 }),
      );
      const listConcerns = watchKernelLog(false);
      const before = readAll(maps);
      sendFrames(c.host, UNDERLAY_DEVICE, frames);
      sendFrames(c.host, UNDERLAY_DEVICE, [forge(scene, { payload: probe('the last') })]);
      const isLast = (frame: Buffer) => frame.toString('latin1', 42) === 'the last';
      await waitFor('the last arrives', () => inPod.frames().some(isLast));

      const after = readAll(maps);
      const counted = Object.fromEntries(
        counterNames.map((counter) => [
          counter,
          after.counters[counter] - before.counters[counter],
        ]),
      ) as typeof after.counters;
      const account = addUp(verdicts);
      assertAccounted(programs, account, counted, after.received - before.received - 1);
      const arrived = inPod.frames().filter((frame) => !isLast(frame));
      assertGood(scene, world, arrived, frames);
      t.diagnostic(
        `${account.dropped} dropped, ${account.redirected} delivered, ${account.handedOn} left to the host; ${arrived.length} came into the pod`,
      );
      assert(arrived.length > 0);
      assert.deepEqual(listConcerns(), []);
      for (const from of [network.a, c]) assert.equal(await ping(from.pod, b.pod.address), 1);
    });
  });
}

/** What `b` knows. */
function worldOf({ members, b, carrier }: Network, maps: OpenMaps): World {
  const settings = readSettings(maps, { indexOf: () => undefined, nameOf: () => 'any' });
  assert(settings);
  const peers: Peer[] = members
    .filter((member) => member !== b)
    .map(({ subnet, host, vtepMac }) => ({
      ...{ subnet, publicIp: host.address, mac: vtepMac },
      ...(carrier.tunnel === null && { direct: true }),
    }));
  const unread = { mac: '00:00:00:00:00:01', gatewayMac: '00:00:00:00:00:01' };
  const pod = { address: b.pod.address, ...unread, isHere: true, isThere: true };
  return describeWorld(settings, peers, settings.fastPath ? [pod] : [], (subnet) =>
    slotOf(maps, subnet),
  );
}

function makeFrames(scene: Scene): Buffer[] {
  const { a } = scene.network;
  const bases = [
    forge(scene, { payload: probe('good') }),
    forge(scene, { inner: { protocol: PROTOCOL.udp }, payload: udpPayload() }),
    forge(scene, { inner: { protocol: PROTOCOL.tcp }, payload: tcpPayload() }),
    forge(scene, { inner: { source: '203.0.113.7', dontFragment: true }, payload: letters(80) }),
    forge(scene, { inner: { source: a.pod.address } }),
    forge(scene, { outer: { tos: ECN.congested }, inner: { tos: ECN.capable0 } }),
    forge(scene, { outer: { options: Buffer.alloc(8, 1) } }),
  ];
  const [random, buffer] = [seededRandom(seed), Buffer.alloc(4096)];
  return Array.from({ length: FRAMES }, () => {
    const length = writeRandomPacket(random, bases, buffer);
    // It must get there.
    bases[0]?.copy(buffer, 0, 0, 12);
    return Buffer.from(buffer.subarray(0, length));
  });
}

function readAll(maps: OpenMaps) {
  const slots = Array.from({ length: 256 }, (_, slot) => readTraffic(maps, slot));
  const received = slots.reduce((sum, { received_packets }) => sum + received_packets, 0);
  return { counters: readCounters(maps), received };
}

/** Without what a hop changes, and a tunnel's end (RFC 6040). */
function essence(packet: Buffer): string {
  const copy = Buffer.from(packet.subarray(0, Math.max(packet.readUInt16BE(2), LENGTH.ipv4)));
  copy.writeUInt8(copy.readUInt8(1) & ~ECN.congested, 1);
  copy.writeUInt8(0, 8);
  copy.writeUInt16BE(0, 10);
  return copy.toString('hex');
}

/** Whatever the pod got is what somebody sent, or comes from a source that a peer may have. */
function assertGood(scene: Scene, world: World, arrived: Buffer[], sent: Buffer[]): void {
  const { b, carrier } = scene.network;
  const headers = LENGTH.ethernet + carrier.overhead + LENGTH.ipv4;
  // A frame may have become one that the host routes there as it is.
  const known = new Set(
    sent
      .filter(({ length }) => length >= headers)
      .flatMap((frame) => [innerPacket(scene, frame), frame.subarray(LENGTH.ethernet)])
      .map(essence),
  );
  for (const frame of arrived) {
    const packet = frame.subarray(14);
    const [source, destination] = [packet.readUInt32BE(12), packet.readUInt32BE(16)];
    if (formatIpv4(source) === b.gateway && packet[9] === PROTOCOL.icmp) continue;
    const text = packet.toString('hex');
    assert.equal(formatIpv4(destination), b.pod.address, text);
    // Without a tunnel nobody asks who sent it.
    if (carrier.tunnel !== null) {
      assert(!world.isOwn(source) && !isMartian(source), `from ${formatIpv4(source)}: ${text}`);
      assert(!world.isInNetwork(source) || world.holderOf(source), text);
    }
    const isWhole = (packet.readUInt16BE(6) & 0x3fff) === 0 && packet[0] === 0x45;
    if (isWhole) assert(known.has(essence(packet)) || packet[9] === PROTOCOL.icmp, text);
  }
}
