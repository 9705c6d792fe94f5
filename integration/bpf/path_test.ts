/** The way to a peer is asked for once in a moment: what changes meanwhile is noticed, and nothing goes astray. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import { slotOf, writePeers } from '../../src/bpf/peer_maps.ts';
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { type Devices, GATEWAY, makeDevices, UNDERLAY_MAC } from './devices.ts';
import { changeTraffic, readTrafficStructs } from './memory.ts';
import { missing } from './programs.ts';
import { PEER, SETTINGS, sent } from './scene.ts';

const OTHER_MAC = '02:ee:00:00:00:99';
const SECOND_GATEWAY = { address: '192.0.2.2', mac: '02:ee:00:00:00:02' };
/** Two jiffies at 100 Hz, the longest that there are, and as much for a machine that is busy. */
const MOMENT_MILLISECONDS = 40;

describe('the way to a peer', { skip: missing('clang', 'ip') }, () => {
  let devices: Devices;
  const slot = () => slotOf(devices.programs.maps, PEER.subnet) ?? assert.fail();
  before(() => {
    devices = makeDevices();
  });
  after(() => devices?.[Symbol.dispose]());
  beforeEach(() => {
    ip(`route replace default via ${GATEWAY.address}`);
    for (const { address, mac } of [GATEWAY, SECOND_GATEWAY]) setNeighbour(address, mac);
    passMoment();
    writePeers(devices.programs.maps, [PEER]);
  });

  function ip(command: string): string {
    return execFileSync('ip', command.split(' '), { encoding: 'utf8' });
  }
  const setNeighbour = (address: string, mac: string, state = 'permanent') =>
    ip(`neigh replace ${address} lladdr ${mac} dev ${SETTINGS.underlay} nud ${state}`);

  /** Where a packet's outer frame goes now; null: it has not left. */
  function send(): string | null {
    const out = devices.inject('egress', SETTINGS.device, sent());
    if (!out) return null;
    assert.equal(out.place, 'underlay_egress');
    assert.equal(out.bytes.toString('hex', 6, 12), UNDERLAY_MAC.replaceAll(':', ''));
    return out.bytes.toString('hex', 0, 6).replaceAll(/(..)(?!$)/g, '$1:');
  }

  /** Sends for a moment; all that leaves goes to one of these. */
  function passMoment(...allowed: readonly (string | null)[]): void {
    const end = performance.now() + MOMENT_MILLISECONDS;
    while (performance.now() < end) {
      const mac = send();
      if (allowed.length > 0) assert(allowed.includes(mac), `to ${mac}`);
    }
  }

  function assertSendsTo(mac: string | null): void {
    for (let packet = 0; packet < 100; packet += 1) assert.equal(send(), mac);
  }

  it('is remembered with the two MACs', () => {
    send();
    const ways = readTrafficStructs(devices.programs.maps, slot()).filter(
      ({ path_address }) => path_address === parseIpv4(PEER.publicIp),
    );
    assert(ways.length > 0);
    for (const { path_destination, path_source } of ways)
      assert.deepEqual([path_destination, path_source], [GATEWAY.mac, UNDERLAY_MAC]);
  });

  it('is not asked for by every packet', () => {
    for (let attempt = 0; attempt < 1000; attempt += 1) {
      send();
      changeTraffic(devices.programs.maps, slot(), { path_destination: OTHER_MAC });
      if (send() === OTHER_MAC) return;
    }
    assert.fail('no packet of a thousand took the way that the one before it had found');
  });

  it('is asked for by every packet where the underlay does not forward', () => {
    const forwarding = `/proc/sys/net/ipv4/conf/${SETTINGS.underlay}/forwarding`;
    writeFileSync(forwarding, '0');
    try {
      passMoment(GATEWAY.mac);
      for (let attempt = 0; attempt < 1000; attempt += 1) {
        changeTraffic(devices.programs.maps, slot(), { path_destination: OTHER_MAC });
        assert.equal(send(), GATEWAY.mac);
      }
    } finally {
      writeFileSync(forwarding, '1');
    }
  });

  it('follows a neighbour whose MAC changes', () => {
    assertSendsTo(GATEWAY.mac);
    setNeighbour(GATEWAY.address, OTHER_MAC);
    passMoment(GATEWAY.mac, OTHER_MAC);
    assertSendsTo(OTHER_MAC);
  });

  it('follows a route that changes', () => {
    assertSendsTo(GATEWAY.mac);
    ip(`route replace default via ${SECOND_GATEWAY.address}`);
    passMoment(GATEWAY.mac, SECOND_GATEWAY.mac);
    assertSendsTo(SECOND_GATEWAY.mac);
  });

  it('follows a peer that moves at once', () => {
    ip(`route replace 203.0.113.20 via ${SECOND_GATEWAY.address}`);
    assertSendsTo(GATEWAY.mac);
    writePeers(devices.programs.maps, [{ ...PEER, publicIp: '203.0.113.20' }]);
    assertSendsTo(SECOND_GATEWAY.mac);
  });

  it('waits for a neighbour that is not resolved, and then is the right one', () => {
    ip(`neigh del ${GATEWAY.address} dev ${SETTINGS.underlay}`);
    passMoment(GATEWAY.mac, null);
    assertSendsTo(null);
    devices.take();
    setNeighbour(GATEWAY.address, OTHER_MAC);
    const queued = devices.take();
    assert.equal(queued?.bytes.toString('hex', 0, 6), OTHER_MAC.replaceAll(':', ''));
    passMoment(OTHER_MAC);
  });

  it('sends nothing where there is no route', () => {
    ip('route del default');
    passMoment(GATEWAY.mac, null);
    assertSendsTo(null);
  });

  it('lets the neighbour table see that it is used', () => {
    setNeighbour(GATEWAY.address, GATEWAY.mac, 'stale');
    passMoment(GATEWAY.mac);
    const [entry] = JSON.parse(ip(`-json neigh show ${GATEWAY.address}`)) as { state: string[] }[];
    assert.notDeepEqual(entry?.state, ['STALE']);
  });
});
