/** Inner addresses that no packet between hosts has: they must not reach a stack that may think them its own. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { assertDropped } from './expect.ts';
import { loadPrograms, missing, type Programs } from './programs.ts';
import { COVERED, decapsulated, OWN_POD, PEER, received, SETTINGS } from './scene.ts';
import { loadStage } from './stage.ts';

const MARTIANS = {
  'this network': ['0.0.0.0', '0.255.255.255'],
  loopback: ['127.0.0.0', '127.0.0.1', '127.255.255.255'],
  multicast: ['224.0.0.0', '224.0.0.1', '239.255.255.255'],
  broadcast: ['255.255.255.255'],
};

/** Right beside them; 240.0.0.0/4 is reserved, and yet networks are made of it. */
const UNICAST = ['1.0.0.0', '126.255.255.255', '128.0.0.0', '223.255.255.255', '240.0.0.1'];

interface Addresses {
  readonly source?: string;
  readonly destination?: string;
}

describe('inner addresses', { skip: missing('clang') }, () => {
  const programs = loadPrograms();
  const stage = loadStage(programs);
  after(() => {
    stage[Symbol.dispose]();
    programs[Symbol.dispose]();
  });

  const ways = {
    vxlan_receive: (inner: Addresses, by: Programs = programs) =>
      by.run('vxlan_receive', received({ inner })),
    vxlan_check: ({ source = '10.5.20.3', destination: innerDestination = OWN_POD }: Addresses) =>
      stage.run('vxlan_check', decapsulated({ source, innerDestination }), {
        tunnelSource: PEER.publicIp,
      }),
  };

  for (const [program, receive] of Object.entries(ways)) {
    for (const [kind, addresses] of Object.entries(MARTIANS)) {
      it(`${program} drops ${kind} as source and as destination`, () => {
        for (const address of addresses) {
          assertDropped(receive({ source: address }), 'drop_martian');
          assertDropped(receive({ destination: address }), 'drop_martian');
        }
      });
    }

    it(`${program} drops the host's own address on the underlay as source`, () => {
      assertDropped(receive({ source: SETTINGS.underlayAddress }), 'drop_martian');
    });

    it(`${program} takes every other address outside the network`, () => {
      for (const address of [...UNICAST, COVERED.publicIp]) {
        for (const inner of [{ source: address }, { destination: address }]) {
          const { effects } = receive(inner);
          assert.deepEqual(Object.keys(effects.traffic), [PEER.subnet], address);
          assert.notEqual(effects.verdict, 'dropped');
        }
      }
    });

    it(`${program} takes what is for the host itself, as flannel does`, () => {
      const { effects } = receive({ destination: SETTINGS.underlayAddress });
      assert.deepEqual(Object.keys(effects.traffic), [PEER.subnet]);
    });
  }

  it('takes a network of reserved addresses', () => {
    const [network, ownSubnet, firstSubnet] = ['240.5.0.0/16', '240.5.17.0/24', '240.5.16.0/24'];
    using reserved = loadPrograms({
      settings: { ...SETTINGS, network, ownSubnet, firstSubnet },
      peers: [{ ...PEER, subnet: '240.5.20.0/24' }],
    });
    const inner = { source: '240.5.20.3', destination: '240.5.17.2' };
    assert.equal(ways.vxlan_receive(inner, reserved).effects.verdict, 'redirected');
  });
});
