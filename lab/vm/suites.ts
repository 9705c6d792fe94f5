/** What is tested on the other kernel, and what that kernel cannot have. */
import { globSync } from 'node:fs';
import { CHECKOUT } from '../host.ts';

/**
 * What loads programs, attaches them and carries packets by them. What takes longest begins first, so that guests end
 * together. The other files of these folders try the same programs and the same kernel interfaces in more settings: for
 * them an emulated machine is too slow, and `make test-kernel` takes them by name for whoever has the time. Of the
 * dataplane's labs it takes some (`isTelling`).
 */
const FILES = [
  'integration/dataplane/default_test.ts',
  'integration/dataplane/fast_path_test.ts',
  'integration/dataplane/default_sizes_test.ts',
  'integration/dataplane/fast_path_sizes_test.ts',
  'integration/dataplane/flannel_peer_test.ts',
  ...['clsact', 'xdp', 'replacement', 'ops', 'peers', 'netlink', 'flock', 'tcx'].map(
    (name) => `integration/kernel/${name}_test.ts`,
  ),
  ...[
    ...['answer', 'check', 'devices', 'direct', 'endpoint', 'endpoint_source', 'fast_path', 'fuzz'],
    ...['group_policy', 'martians', 'nat', 'path', 'receive', 'send', 'slow'],
  ].map((name) => `integration/bpf/${name}_test.ts`),
];

/** Test files, relative to the checkout, in the order in which they begin. */
export function testFiles(folders: readonly string[] = FILES): string[] {
  return folders.flatMap((name) =>
    name.endsWith('.ts') ? [name] : globSync(`${name}/**/*_test.ts`, { cwd: CHECKOUT }).sort(),
  );
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

const ANSWERS = {
  file: 'integration/bpf/answer_test.ts',
  suite: 'vxlan_send, where nobody holds the destination',
} as const;

/** Of the files in integration/kernel, where the suite is called otherwise. */
const SUITES: Readonly<Record<string, string>> = {
  flood: 'replacement under full load',
  tcx: 'TCX',
};

/** Debian 12's stock kernel is Linux 6.1. A row whose test runs there after all is an error too. */
export const NOT_ON_THIS_KERNEL: readonly NotOnThisKernel[] = [
  ...['answers at most once a millisecond', 'remembers when it answered'].map((test) => ({
    file: ANSWERS.file,
    path: [ANSWERS.suite, test],
    // Not the kernel but its emulation.
    reason: /^this machine takes over [\d.]+ ms to send a packet$/,
    maybe: true as const,
  })),
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
    ...['by TCX', 'from one to the other and back'].flatMap((name) => [
      ['flood', `${name}: no datagram is lost`],
      ['flood', `${name}: a TCP stream arrives whole`],
    ]),
    ['tcx'],
  ].map(([name = '', ...test]) => ({
    file: `integration/kernel/${name}_test.ts`,
    path: [SUITES[name] ?? name, ...test],
    reason: /^this kernel has no TCX/,
  })),
];
