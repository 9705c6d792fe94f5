/** Flows that the host has NAT-ed go through its stack, which alone can turn the replies back. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { enterNewNamespace } from '../../lab/in_namespace.ts';
import { assertHandedOn } from './expect.ts';
import { PROTOCOL, udp } from './packets.ts';
import { loadPrograms, missing, type Programs } from './programs.ts';
import { ENDPOINT, fromPod, OWN_POD, received, SETTINGS, udpPayload } from './scene.ts';

const [SERVICE, BACKEND] = ['10.5.20.3', '10.5.20.99'];
const [NAT_PORT, PLAIN_PORT] = [40000, 40001];

/** What a host with services does to what leaves it; and the two flows that it knows of then. */
const SETUP = `
ip link set lo up
ip link add here type veth peer name there
ip link set there up
ip address add ${OWN_POD}/24 dev here
ip link set here up
ip route add 10.5.20.0/24 dev here
nft -f - <<'END'
table ip services {
  chain out {
    type nat hook output priority -100
    ip daddr ${SERVICE} udp sport ${NAT_PORT} dnat to ${BACKEND}
  }
}
END
${process.execPath} -e '
  for (const port of [${NAT_PORT}, ${PLAIN_PORT}]) {
    const socket = require("node:dgram").createSocket("udp4")
    socket.bind(port, "${OWN_POD}", () => socket.send("x", 53, "${SERVICE}", () => socket.close()))
  }'
`;

describe('flows and NAT', { skip: missing('ip', 'nft') }, () => {
  const cleanUp = new DisposableStack();
  let programs: Programs;
  before(() => {
    cleanUp.use(enterNewNamespace());
    execFileSync('sh', ['-e'], { input: SETUP });
    const settings = { ...SETTINGS, fastPath: true, conntrack: true };
    programs = cleanUp.use(loadPrograms({ settings, endpoints: [ENDPOINT] }));
  });
  after(() => cleanUp.dispose());

  const reply = (source: string, port: number) =>
    received({
      inner: { source, protocol: PROTOCOL.udp },
      payload: udp({ source: 53, destination: port }, Buffer.alloc(20)),
    });

  it('a flow that is NAT-ed leaves through the host', () => {
    const packet = fromPod({}, udpPayload(64, NAT_PORT));
    assertHandedOn(programs.run('endpoint_send', packet), packet, 'host_nat');
  });

  it('its reply comes back through the host', () => {
    const { effects } = programs.run('vxlan_receive', reply(BACKEND, NAT_PORT));
    assert.deepEqual([effects.verdict, effects.counters], ['redirected', { host_nat: 1 }]);
  });

  it('a flow that the host knows and leaves alone takes the fast way, both ways', () => {
    const packet = fromPod({}, udpPayload(64, PLAIN_PORT));
    for (const outcome of [
      programs.run('endpoint_send', packet),
      programs.run('vxlan_receive', reply(SERVICE, PLAIN_PORT)),
    ])
      assert.deepEqual([outcome.effects.verdict, outcome.effects.counters], ['redirected', {}]);
  });

  it('a flow that the host does not know takes the fast way', () => {
    const packet = fromPod({}, udpPayload(64, 40002));
    assert.equal(programs.run('endpoint_send', packet).effects.verdict, 'redirected');
  });

  it('the same ports of another protocol are another flow', () => {
    const packet = fromPod({ protocol: PROTOCOL.tcp }, udpPayload(64, NAT_PORT));
    assert.equal(programs.run('endpoint_send', packet).effects.verdict, 'redirected');
  });

  it('later fragments carry no ports: they are the host’s', () => {
    const packet = fromPod({ fragmentOffset: 8 }, udpPayload(64, PLAIN_PORT));
    assertHandedOn(programs.run('endpoint_send', packet), packet, 'host_untracked');
  });

  it('a packet too short for ports is the host’s', () => {
    for (const bytes of [0, 3]) {
      const packet = fromPod({}, Buffer.alloc(bytes));
      assertHandedOn(programs.run('endpoint_send', packet), packet, 'host_untracked');
    }
  });
});
