/** Who is heard and who is not, and routes that change while it runs. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FLANNEL_UDP_DEVICE as DEVICE } from '../../lab/flannel_udp.ts';
import { waitFor } from '../../lab/ready.ts';
import { ping, waitForPing } from '../../lab/traffic.ts';
import { peerRoute, startUserRelay } from '../../lab/user_relay.ts';
import { sendRaw } from '../dataplane/raw.ts';
import { buildTools } from '../dataplane/senders.ts';
import { missing } from './requirements.ts';
import { createPair, type Pair } from './suite.ts';
import { encapsulated } from './wire.ts';

const skip = missing('iperf3', 'tcpdump');

before(() => skip || buildTools());

describe("the relay's peers", { skip }, () => {
  let pair: Pair;
  before(async () => {
    pair = await createPair({ name: 'relaypeers' }, 'tartan');
    await waitForPing(pair.a.pod, pair.b.pod.address);
  });
  after(() => pair?.lab.destroy());

  async function route(verb: string): Promise<void> {
    const { a, b } = pair;
    await a.host.exec(['ip', ...peerRoute(verb, b.settings.subnet, b.host.address).split(' ')]);
  }

  it('are followed while it runs', async () => {
    const { a, b } = pair;
    const peers = (count: number) =>
      waitFor(`${count} peers`, () => a.running.events().at(-1)?.peers === count);
    await route('delete');
    await peers(0);
    assert.equal(await ping(a.pod, b.pod.address), 0);
    assert.equal(await ping(b.pod, a.pod.address), 0, 'a stranger now');
    await route('add');
    await peers(1);
    assert.equal(await ping(a.pod, b.pod.address), 1);
  });

  it('another gateway is another peer, at once', async () => {
    const { a, b } = pair;
    await a.host.exec([
      ...['ip', ...peerRoute('replace', b.settings.subnet, '192.168.77.99').split(' ')],
    ]);
    await waitFor('it goes elsewhere', async () => (await ping(a.pod, b.pod.address)) === 0);
    await route('replace');
    await waitForPing(a.pod, b.pod.address);
  });

  it('routes of others are no peers', async () => {
    const { a } = pair;
    await a.host.shell(`
ip route add 10.5.77.0/24 via 192.168.77.77 dev ${DEVICE} onlink
ip route add 10.5.78.0/24 via 192.168.77.77 dev eth0 proto 116`);
    const { stdout } = await a.pod.exec(['ping', '-n', '-c1', '-W1', '10.5.77.1'], {
      mayFail: true,
    });
    assert.match(stdout, /Destination Host Unreachable/);
  });

  const FORGED = {
    drop_source: [
      ["another peer's or nobody's subnet", { innerSource: '10.5.9.2' }],
      ["the receiver's own subnet", { innerSource: '10.5.1.77' }],
    ],
    drop_stranger: [['an address that is no peer', { outerSource: '192.168.77.50' }]],
    drop_malformed: [
      ['no packet at all', { inner: Buffer.from('hello') }],
      ['an IPv6 header', { innerVersion: 6 }],
      ['a length beyond the datagram', { innerLength: 1000 }],
      ['a header beyond the packet', { innerHeaderWords: 15 }],
      ['a header that is too short', { innerHeaderWords: 4 }],
    ],
    drop_ttl: [['the last hop', { innerTtl: 1 }]],
  } as const;

  for (const [counter, forgeries] of Object.entries(FORGED)) {
    for (const [what, forgery] of forgeries) {
      it(`dropped and counted as ${counter}: ${what}`, async () => {
        const { a, b } = pair;
        const before = a.running.counters()[counter] ?? 0;
        const packet = encapsulated({
          outerSource: b.host.address,
          outerDestination: a.host.address,
          innerSource: b.pod.address,
          innerDestination: a.pod.address,
          ...forgery,
        });
        sendRaw(b.host, [packet]);
        await waitFor('it is counted', () => (a.running.counters()[counter] ?? 0) === before + 1);
      });
    }
  }

  it('a right one passes, so the others were dropped for what they say', async () => {
    const { a, b } = pair;
    const capture = a.pod.start(['tcpdump', '-nlc1', '-i', 'eth0', 'udp', 'dst', 'port', '4444']);
    await waitFor('it listens', () => capture.stderr().includes('listening'));
    const addresses = { outerSource: b.host.address, outerDestination: a.host.address };
    const inner = { innerSource: '8.8.8.8', innerDestination: a.pod.address };
    sendRaw(b.host, [encapsulated({ ...addresses, ...inner })]);
    const { stdout } = await capture.ended;
    assert.match(stdout, /8\.8\.8\.8\.5555 > 10\.5\.1\.2\.4444/);
  });
});

describe('tartan relay refuses', { skip }, () => {
  let pair: Pair;
  before(async () => {
    pair = await createPair({ name: 'relayrefuse' }, 'tartan');
  });
  after(() => pair?.lab.destroy());

  async function refused(...args: string[]) {
    const { code, stderr } = await pair.a.host.tartan(['relay', ...args], { mayFail: true });
    assert.match(stderr, /^tartan: .+\n.+\n$/);
    return `${code} ${stderr.split('\n')[0]}`;
  }

  it('a device that another relay has', async () => {
    const message = '75 tartan: another process has the TUN flannel0: a relay is running';
    assert.equal(await refused(), message);
  });

  it('a device that is not there, or no TUN, and makes none', async () => {
    assert.match(await refused('--device', 'flannel9'), /^1 tartan: there is no TUN flannel9/);
    assert.match(await refused('--device', 'eth0'), /^1 tartan: eth0 is not a TUN device/);
    const { stdout } = await pair.a.host.exec(['ip', '-br', 'link']);
    assert.doesNotMatch(stdout, /flannel9/);
  });

  it('a port that is taken, and an address of others', async () => {
    const { a } = pair;
    await a.running.stop();
    const taker = a.host.start([process.execPath, '-e', TAKE_PORT]);
    await waitFor('the port is taken', () => taker.stdout() !== '');
    assert.match(await refused(), /^75 tartan: UDP port 8285 is taken/);
    await taker.stop();
    assert.match(await refused('--bind', '192.168.77.99'), /^1 tartan: 192\.168\.77\.99 is not an/);
    await (await startUserRelay(a.host)).stop();
  });

  it('to go on without its device', async () => {
    const { a } = pair;
    const running = await startUserRelay(a.host);
    await a.host.exec(['ip', 'link', 'delete', DEVICE]);
    const { code, stderr } = await running.ended;
    assert.deepEqual([code, stderr.split('\n')[0]], [1, GONE]);
  });
});

const TAKE_PORT = `require('node:dgram').createSocket('udp4').bind(8285, () => console.log('taken'))`;
const GONE = 'tartan: there is no TUN flannel0 in this network namespace';
