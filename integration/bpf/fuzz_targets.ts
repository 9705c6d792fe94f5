/** The programs that are fuzzed, each with the settings that change what it does, and the packets to begin with. */

import { parseIpv4 } from '../../src/net/ipv4.ts';
import type { Peer, Settings } from '../../src/plan/dataplane.ts';
import type { Expected, Frame, World } from './oracle.ts';
import { judgeChecked, judgeDirect, judgeReceived, judgeStripped } from './oracle_receive.ts';
import { judgeEndpoint, judgeSent } from './oracle_send.ts';
import { isPiece, judgeResent, judgeUdpReceived, judgeUdpSent } from './oracle_udp.ts';
import { ECN, icmp, letters, PROTOCOL } from './packets.ts';
import type { ProgramName } from './programs.ts';
import {
  arpRequest,
  COVERED,
  DIRECT,
  decapsulated,
  ENDPOINT,
  fromPod,
  HOST_GW,
  MIXED,
  NOBODYS_POD,
  plain,
  received,
  SETTINGS,
  SILENT,
  sent,
  tcpPayload,
  udpPayload,
  VANISHED,
} from './scene.ts';
import { receivedByUdp, UDP } from './scene_udp.ts';

export interface Target {
  readonly name: string;
  readonly program: ProgramName;
  readonly settings: Settings;
  /** Default: vxlan. */
  readonly object?: 'host_gw' | 'udp';
  /** Default: all behind the tunnel. */
  readonly peers?: readonly Peer[];
  readonly bases: readonly Buffer[];
  /** `tunnelSource` is where the kernel's device had the packet from. */
  judge(world: World, frame: Frame, tunnelSource: number): Expected;
  /** Packets of which more than they themselves tell what becomes. */
  readonly leavesOut?: (world: World, frame: Frame) => boolean;
}

const TCP = { protocol: PROTOCOL.tcp } as const;
const PING = icmp({ type: 8 }, letters(56));

const RECEIVED = [
  received(),
  received({ inner: { ...TCP, tos: ECN.capable0 }, payload: tcpPayload() }),
  received({ inner: { protocol: PROTOCOL.icmp }, payload: PING }),
  received({ outer: { source: COVERED.publicIp }, inner: { source: '203.0.113.7' } }),
  received({ outer: { tos: ECN.congested }, inner: { tos: ECN.capable0 } }),
  received({ inner: { destination: SILENT.address } }),
  received({ inner: { destination: VANISHED.address, ttl: 2 } }),
  received({ inner: { destination: SETTINGS.underlayAddress } }),
  received({ inner: { options: Buffer.alloc(8, 1), dontFragment: true } }),
  received({ vxlan: { flags: 0x8848_1234 } }),
];
const SENT = [
  sent(),
  sent(TCP, tcpPayload()),
  sent({ protocol: PROTOCOL.icmp }, PING),
  sent({ destination: NOBODYS_POD }),
  sent({ options: Buffer.alloc(40, 1) }),
  sent({}, udpPayload(1400)),
];
const FROM_POD = [
  fromPod(),
  fromPod(TCP, tcpPayload()),
  fromPod({ protocol: PROTOCOL.icmp, ttl: 2 }, PING),
  fromPod({ source: SILENT.address }),
  fromPod({ source: VANISHED.address }),
  fromPod({ destination: '203.0.113.80' }),
  fromPod({}, udpPayload(SETTINGS.mtu - 28)),
  fromPod({}, udpPayload(SETTINGS.mtu - 27)),
  arpRequest(ENDPOINT.address),
];
const PLAIN = [
  plain(),
  plain(TCP, tcpPayload()),
  plain({ protocol: PROTOCOL.icmp, ttl: 2 }, PING),
  plain({ source: '10.5.20.70' }),
  plain({ source: '10.5.25.9' }),
  plain({ destination: SILENT.address }),
  plain({ destination: VANISHED.address }),
  plain({ source: '203.0.113.7' }),
  plain({ moreFragments: true }),
  plain({}, udpPayload(SETTINGS.mtu - 28)),
  plain({}, udpPayload(SETTINGS.mtu - 27)),
];
const DECAPSULATED = [
  decapsulated(),
  decapsulated({ protocol: PROTOCOL.tcp }),
  decapsulated({ source: '203.0.113.7' }),
];

const receive = { program: 'vxlan_receive', bases: RECEIVED, judge: judgeReceived } as const;
const send = { program: 'vxlan_send', bases: SENT, judge: judgeSent } as const;
const endpoint = { program: 'endpoint_send', bases: FROM_POD, judge: judgeEndpoint } as const;
const check = { program: 'vxlan_check', bases: DECAPSULATED, judge: judgeChecked } as const;
const strip = { program: 'vxlan_strip', bases: RECEIVED, judge: judgeStripped } as const;

const ofHostGw = { object: 'host_gw', peers: DIRECT } as const;
const direct = {
  ...ofHostGw,
  ...({ program: 'host_gw_receive', bases: PLAIN, judge: judgeDirect } as const),
};
const directEndpoint = { ...endpoint, ...ofHostGw };

const RECEIVED_BY_UDP = [
  receivedByUdp(),
  receivedByUdp({ inner: { ...TCP, tos: ECN.capable0 }, payload: tcpPayload() }),
  receivedByUdp({ udp: { checksum: 0x1234 }, inner: { ...TCP }, payload: tcpPayload(1) }),
  receivedByUdp({ inner: { protocol: PROTOCOL.icmp }, payload: PING }),
  receivedByUdp({ outer: { source: COVERED.publicIp }, inner: { source: '203.0.113.7' } }),
  receivedByUdp({ outer: { tos: ECN.congested }, inner: { tos: ECN.capable0 } }),
  receivedByUdp({ outer: { tos: ECN.capable1 }, inner: { tos: 0xb8 | ECN.capable0 } }),
  receivedByUdp({ inner: { destination: SILENT.address } }),
  receivedByUdp({ inner: { destination: VANISHED.address, ttl: 2 } }),
  receivedByUdp({ inner: { options: Buffer.alloc(8, 1), dontFragment: true } }),
];
const byUdp = { object: 'udp', settings: UDP, leavesOut: isPiece } as const;
const udpReceive = {
  ...byUdp,
  ...({ program: 'udp_receive', bases: RECEIVED_BY_UDP, judge: judgeUdpReceived } as const),
};
const FAST_UDP = { ...UDP, fastPath: true };

const FAST = { ...SETTINGS, fastPath: true };
const DIRECT_ROUTING = { settings: FAST, peers: MIXED };

export const TARGETS: readonly Target[] = [
  { name: 'vxlan_send', ...send, settings: SETTINGS },
  { name: 'vxlan_send, GBP', ...send, settings: { ...SETTINGS, gbp: true } },
  { name: 'vxlan_receive', ...receive, settings: SETTINGS },
  { name: 'vxlan_receive, GBP', ...receive, settings: { ...SETTINGS, gbp: true } },
  { name: 'vxlan_receive, FastPath', ...receive, settings: FAST },
  { name: 'vxlan_receive, FastPath, NAT', ...receive, settings: { ...FAST, conntrack: true } },
  { name: 'vxlan_check', ...check, settings: SETTINGS },
  { name: 'endpoint_send', ...endpoint, settings: SETTINGS },
  { name: 'endpoint_send, FastPath', ...endpoint, settings: FAST },
  { name: 'endpoint_send, FastPath, NAT', ...endpoint, settings: { ...FAST, conntrack: true } },
  {
    name: 'vxlan_receive, DirectRouting',
    ...receive,
    ...DIRECT_ROUTING,
    bases: [...RECEIVED, ...PLAIN],
  },
  { name: 'vxlan_send, DirectRouting', ...send, ...DIRECT_ROUTING },
  { name: 'endpoint_send, DirectRouting', ...endpoint, ...DIRECT_ROUTING },
  { name: 'host_gw_receive', ...direct, settings: HOST_GW },
  { name: 'host_gw_receive, NAT', ...direct, settings: { ...HOST_GW, conntrack: true } },
  { name: 'endpoint_send of host-gw', ...directEndpoint, settings: HOST_GW },
  { name: 'udp_receive', ...udpReceive },
  { name: 'udp_receive, FastPath', ...udpReceive, settings: FAST_UDP },
  { name: 'udp_receive, FastPath, NAT', ...udpReceive, settings: { ...FAST_UDP, conntrack: true } },
  { name: 'udp_send', ...byUdp, program: 'udp_send', bases: SENT, judge: judgeUdpSent },
  {
    ...byUdp,
    ...({ name: 'udp_resend', program: 'udp_resend', judge: judgeResent } as const),
    bases: [...SENT, ...RECEIVED_BY_UDP],
  },
  { name: 'vxlan_strip', ...strip, settings: SETTINGS },
  { name: 'vxlan_strip, GBP', ...strip, settings: { ...SETTINGS, gbp: true } },
];

/** Where the kernel's device may say that it had a packet from: peers, ourselves, strangers. */
export const TUNNEL_SOURCES = [
  ...['198.51.100.20', '198.51.100.20', '198.51.100.20', '192.0.2.16', COVERED.publicIp],
  ...[SETTINGS.underlayAddress, '203.0.113.9', '10.5.20.3', '127.0.0.1'],
].map(parseIpv4);
