import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { type Devices, GATEWAY, makeDevices, type TunnelKey, UNDERLAY_MAC } from './devices.ts';
import { LENGTH } from './packets.ts';
import { missing, observe, setLastAnswer } from './programs.ts';
import { NOBODYS_POD, PEER, received, SETTINGS, sent } from './scene.ts';

/** `TUNNEL_CSUM`, <linux/if_tunnel.h>, in network byte order as the getter has it. */
const TUNNEL_CSUM = 0x0100;

/** The longest packet that can be encapsulated: what is encapsulated is 50 bytes longer than it, 14 of them Ethernet. */
const LONGEST = 0xffff - LENGTH.overhead;

describe('the programs on devices', { skip: missing('clang', 'ip', 'ping') }, () => {
  let devices: Devices;
  before(() => {
    devices = makeDevices();
  });
  after(() => devices?.[Symbol.dispose]());
  const { device, underlay } = SETTINGS;

  it('sends on the underlay, to the MAC that the FIB and its neighbours have', () => {
    const out = devices.inject('egress', device, sent());
    assert.equal(out?.place, 'underlay_egress');
    const macs = [GATEWAY.mac, UNDERLAY_MAC].map((mac) => mac.replaceAll(':', '')).join('');
    assert.equal(out.bytes.toString('hex', 0, 12), macs);
    assert.equal(out.length, sent().length + LENGTH.overhead);
    assert.equal(out.bytes.subarray(26, 30).join('.'), SETTINGS.underlayAddress);
    assert.equal(out.bytes.subarray(30, 34).join('.'), PEER.publicIp);
  });

  it('receives into the overlay device', () => {
    const out = devices.inject('ingress', underlay, received());
    assert.equal(out?.place, 'overlay_ingress');
    assert.equal(out.length, received().length - LENGTH.overhead);
    assert.deepEqual(out.bytes, received().subarray(LENGTH.overhead).subarray(0, out.bytes.length));
    assert.equal(out.key, null, 'what has been checked needs no second check');
  });

  it('answers into the overlay device', () => {
    setLastAnswer(devices.programs.maps, 0n);
    const out = devices.inject('egress', device, sent({ destination: NOBODYS_POD }));
    assert.equal(out?.place, 'overlay_ingress');
    assert.equal(out.bytes[34], 3, 'ICMP destination unreachable');
  });

  it('lets nothing else through', () => {
    assert.equal(devices.inject('egress', device, sent({ source: '10.5.20.1' })), null);
    const spoofed = received({ inner: { source: '10.5.25.1' } });
    assert.equal(devices.inject('ingress', underlay, spoofed), null);
  });

  for (const [length, counter] of [
    [LONGEST, 'slow_send_room'],
    [LONGEST + 1, 'slow_send_size'],
    [0xffff, 'slow_send_size'],
  ] as const) {
    it(`leaves a packet of ${length} bytes to the overlay device: ${counter}`, () => {
      devices.take();
      const { effects } = observe(devices.programs.maps, () => {
        ping(length);
        return { verdict: -1, packet: Buffer.alloc(0) };
      });
      assert.deepEqual(effects, {
        verdict: 'handedOn',
        counters: { [counter]: 1 },
        traffic: { [PEER.subnet]: { sent_packets: 1, sent_bytes: length } },
      });
      const out = devices.take();
      assert.equal(out?.place, 'overlay_egress');
      assert.equal(out.length, 14 + length);
      assertKey(out.key);
    });
  }

  function assertKey(key: TunnelKey | null): void {
    assert(key);
    const { flags, ...rest } = key;
    assert.deepEqual(rest, {
      id: SETTINGS.vni,
      source: SETTINGS.underlayAddress,
      destination: PEER.publicIp,
      ttl: 64,
    });
    assert.equal(flags & TUNNEL_CSUM, 0, 'the UDP checksum is left out');
  }

  /** Sends one packet of this length, of which no answer will come. */
  function ping(length: number): void {
    const bytes = length - LENGTH.ipv4 - 8;
    spawnSync('ping', [
      ...['-n', '-q', '-c', '1', '-W', '0.05', '-s', String(bytes)],
      ...['-I', '10.5.17.0', '10.5.20.3'],
    ]);
  }
});
