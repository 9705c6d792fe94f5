/** Who an endpoint may say it is, and what is learned from it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { assertDropped, assertHandedOn } from './expect.ts';
import { readEndpoint } from './memory.ts';
import { ETHERTYPE } from './packets.ts';
import { loadPrograms, missing, type Programs } from './programs.ts';
import {
  arpRequest,
  ENDPOINT,
  ENDPOINTS,
  fromPod,
  OWN_POD,
  POD_MAC,
  SETTINGS,
  SILENT,
  VANISHED,
} from './scene.ts';

const UNKNOWN = '00:00:00:00:00:00';
const OTHER_MAC = '02:dd:00:00:00:99';

describe('the source of an endpoint', { skip: missing() }, () => {
  let programs: Programs;
  beforeEach(() => {
    programs = loadPrograms({ settings: { ...SETTINGS, fastPath: true }, endpoints: ENDPOINTS });
  });
  afterEach(() => programs[Symbol.dispose]());
  const send = (packet: Buffer) => programs.run('endpoint_send', packet);
  const macOf = (address: string) => readEndpoint(programs.maps, address).mac;

  const FOREIGN = {
    'another address of the own subnet': '10.5.17.9',
    "another endpoint's, on another interface": VANISHED.address,
    "the host's, in the overlay": '10.5.17.0',
    "the gateway's": '10.5.17.1',
    "another host's pod": '10.5.20.3',
    'an address that nobody holds': '10.5.30.1',
    'an address outside the network': '203.0.113.7',
    "the host's, on the underlay": SETTINGS.underlayAddress,
    // The same place in the map as its own.
    'an address with the same last bits': '10.5.1.2',
    'an address with the same last bits, outside': '192.0.17.2',
    'no address': '0.0.0.0',
    loopback: '127.0.0.1',
    multicast: '224.0.0.1',
    broadcast: '255.255.255.255',
  };
  for (const [name, source] of Object.entries(FOREIGN)) {
    it(`drops ${name}, wherever it goes, and learns nothing`, () => {
      for (const destination of ['10.5.20.3', '10.5.17.9', '203.0.113.80', '255.255.255.255']) {
        const packet = fromPod({ source, destination });
        assertDropped(send(packet), 'drop_endpoint_source');
      }
      for (const { address } of ENDPOINTS) assert.equal(macOf(address), UNKNOWN);
    });
  }

  it('drops its own address on another interface', () => {
    const moved = loadPrograms({ endpoints: [{ ...ENDPOINT, device: 'vanished' }] });
    try {
      assertDropped(moved.run('endpoint_send', fromPod()), 'drop_endpoint_source');
      assert.equal(readEndpoint(moved.maps, OWN_POD).mac, UNKNOWN);
    } finally {
      moved[Symbol.dispose]();
    }
  });

  it('drops it while the tunnel is closed as well', () => {
    using closed = loadPrograms({ settings: null });
    assertDropped(closed.run('endpoint_send', fromPod()), 'drop_endpoint_source');
  });

  it('learns the MAC from what it sends, whatever becomes of that', () => {
    send(fromPod({ destination: '203.0.113.80' }));
    assert.equal(macOf(OWN_POD), POD_MAC);
    assert.equal(macOf(SILENT.address), UNKNOWN);
  });

  it('follows a MAC that changes', () => {
    send(fromPod());
    const packet = fromPod();
    packet.set(Buffer.from(OTHER_MAC.replaceAll(':', ''), 'hex'), 6);
    send(packet);
    assert.equal(macOf(OWN_POD), OTHER_MAC);
  });

  it('learns from ARP, and hands it on', () => {
    assertHandedOn(send(arpRequest(SILENT.address)), arpRequest(SILENT.address));
    assert.equal(macOf(SILENT.address), POD_MAC);
    assert.equal(macOf(OWN_POD), UNKNOWN);
  });

  it("learns nothing from ARP in another's name", () => {
    for (const address of [VANISHED.address, '10.5.17.9', '10.5.1.2']) {
      const request = arpRequest(address);
      assertHandedOn(send(request), request);
    }
    for (const { address } of ENDPOINTS) assert.equal(macOf(address), UNKNOWN);
  });

  it('takes no notice of ARP that is cut short', () => {
    // The shortest that a test run takes, which has the sender's address, and yet not all of it.
    const request = arpRequest(OWN_POD).subarray(0, 31);
    const outcome = send(Buffer.concat([request]));
    assertHandedOn(outcome, request);
    assert.equal(macOf(OWN_POD), UNKNOWN);
  });

  it('leaves IPv6, and what it does not know, to the host', () => {
    for (const type of [ETHERTYPE.ipv6, ETHERTYPE.vlan, 0x88cc]) {
      const packet = fromPod({ type });
      assertHandedOn(send(packet), packet);
    }
    assert.equal(macOf(OWN_POD), UNKNOWN);
  });
});
