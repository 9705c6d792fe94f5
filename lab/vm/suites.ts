/** What is tested on the other kernel, and what that kernel cannot have. */
import { globSync } from 'node:fs';
import { CHECKOUT } from '../host.ts';

/** What takes longest begins first, so that guests end together. */
const LONGEST = ['device', 'udp_device', 'lengths', 'networks', 'host_gw_device', 'flannel_peer'];

/** All that carries packets. Of the labs it takes some (lab/patience.ts). */
const DATAPLANE = [
  ...LONGEST.map((name) => `integration/dataplane/${name}_test.ts`),
  ...['dataplane', 'fastpath', 'security', 'hostgw', 'udp', 'masquerade', 'forward'].map(
    (name) => `integration/${name}`,
  ),
];

/** Of folders that are about other things as well; short. */
const SINGLE = [
  ...[
    'ops',
    'reading',
    'nft_chains',
    'clsact',
    'xdp',
    'replacement',
    'peers',
    'many_peers',
    'netlink',
    'flock',
    'tcx',
  ].map((name) => `integration/kernel/${name}_test.ts`),
  ...[
    ...['fuzz', 'answer', 'check', 'devices', 'direct', 'endpoint', 'endpoint_source', 'fast_path'],
    ...['group_policy', 'martians', 'nat', 'path', 'receive', 'send', 'slow', 'udp', 'udp_pieces'],
  ].map((name) => `integration/bpf/${name}_test.ts`),
];

/**
 * For ALL=1: what carries packets by udp and host-gw alone, and two that take minutes. Ten minutes have room for vxlan,
 * and for these of the other backends.
 */
const UNUSUAL =
  /^integration\/((dataplane|fastpath|security)\/(udp|host_gw|user_mode)_|fastpath\/(switch|endpoint)_|udp\/|hostgw\/(routes|member)_|masquerade\/|forward\/)/;
const USUAL_OF_OTHERS = ['udp_fast_path', 'udp_kernel_mode', 'host_gw_fast_path'].map(
  (name) => `integration/dataplane/${name}_test.ts`,
);

/** Test files, relative to the checkout, in the order in which they begin. */
export function testFiles(chosen: readonly string[] | 'usual' | 'everything'): string[] {
  if (typeof chosen !== 'string') return filesOf(chosen);
  const everything = filesOf([...DATAPLANE, ...SINGLE]);
  if (chosen === 'everything') return everything;
  return everything.filter((file) => !UNUSUAL.test(file) || USUAL_OF_OTHERS.includes(file));
}

function filesOf(names: readonly string[]): string[] {
  const files = names.flatMap((name) =>
    name.endsWith('.ts') ? [name] : globSync(`${name}/**/*_test.ts`, { cwd: CHECKOUT }).sort(),
  );
  return [...new Set(files)];
}

/** A test that cannot run there. It probes, skips with this reason, and is listed here: no other skip is accepted. */
export interface NotOnThisKernel {
  readonly file: string;
  /** Suites and test, outermost first; all that is below it is meant. */
  readonly path: readonly string[];
  readonly reason: RegExp;
  /** On a fast machine it may run after all. */
  readonly maybe?: true;
}

/** Of the files in integration/kernel, where the suite is called otherwise. */
const SUITES: Readonly<Record<string, string>> = {
  tcx: 'TCX',
};

/** By file, the carriers that are watched on the wire. */
const ON_THE_WIRE = {
  wire: ['vxlan'],
  udp_wire: ['udp'],
  host_gw_wire: ['host-gw FastPath'],
};

/** By file, the carriers whose programs are replaced under load, and the ways that take TCX. */
const FLOODS = {
  flood: { vxlan: ['by TCX', 'from one to the other and back'] },
  fast_path_flood: {
    'vxlan FastPath': ['by TCX'],
    'host-gw FastPath': ['by TCX', 'from one to the other and back'],
  },
  udp_flood: {
    udp: ['by TCX', 'from one to the other and back'],
    'udp FastPath': ['by TCX'],
  },
};

const NO_TCX = /^this kernel has no TCX/;

/** Debian 12's stock kernel is Linux 6.1. A row whose test runs there after all is an error too. */
export const NOT_ON_THIS_KERNEL: readonly NotOnThisKernel[] = [
  {
    file: 'integration/bpf/answer_test.ts',
    path: ['vxlan_send, where nobody holds the destination', 'answers at most once a millisecond'],
    // Not the kernel but its emulation.
    reason: /^this machine takes over [\d.]+ ms to send a packet$/,
    maybe: true,
  },
  ...Object.entries(ON_THE_WIRE).flatMap(([name, carriers]) =>
    carriers.map((carrier) => ({
      file: `integration/dataplane/${name}_test.ts`,
      path: [
        `on the wire, ${carrier}, of hosts whose interfaces leave nothing undone`,
        'UDP-GSO: on the wire, and where they come out',
      ],
      reason: /^this kernel cuts no UDP/,
    })),
  ),
  ...Object.entries(FLOODS).flatMap(([name, carriers]) =>
    Object.entries(carriers).flatMap(([carrier, ways]) =>
      ways.flatMap((way) =>
        [`${way}: no datagram is lost`, `${way}: a TCP stream arrives whole`].map((test) => ({
          file: `integration/kernel/${name}_test.ts`,
          path: [`replacement under full load, ${carrier}`, test],
          reason: NO_TCX,
        })),
      ),
    ),
  ),
  ...[
    ['clsact', 'moves from TCX to clsact and back, the new one before the old one goes'],
    ...['vxlan_send', 'vxlan_check', 'vxlan_receive'].flatMap((program) => [
      ['healing', `the pin of the link of ${program} is removed`],
      ['healing', `the link of ${program} is detached`],
    ]),
    ...[
      'one program on many devices: each has a link, and those of devices that are gone are swept away',
      'a link that an earlier version pinned by its program alone is kept',
    ].map((test) => ['pins', test]),
    ['tcx'],
  ].map(([name = '', ...test]) => ({
    file: `integration/kernel/${name}_test.ts`,
    path: [SUITES[name] ?? name, ...test],
    reason: NO_TCX,
  })),
];
