/**
 * What of a file ten minutes have no room for, where all is emulated: it is left to `ALL=1`. What a kernel decides is
 * whether programs load and attach, and what path a packet takes: of tests that ask that twice, one stays.
 */

interface Row {
  readonly files: RegExp;
  /** Of their tests, those whose full names, suites first, match one of these. */
  readonly tests: readonly string[];
}

/** Packets of these forms take the way that one test of the form has shown. */
const FORMS = ['in fragments', 'with IP options'].flatMap((form) => [
  `${form}: marks`,
  `${form}, from`,
]);

const ROWS: readonly Row[] = [
  {
    files: /\/dataplane\/device_test/,
    tests: [
      ...['the device down', 'another (MAC|MTU)', 'no (VNI|address)'],
      ...['the underlay down and up', 'refused by name'],
    ],
  },
  { files: /\/dataplane\/lengths_test/, tests: ['TCP and large', '^SubnetLen changed'] },
  {
    files: /\/dataplane\/networks_test/,
    tests: ['refused by name', 'both are named', 'torn down and joined'],
  },
  {
    files: /\/dataplane\/flannel_peer_test/,
    tests: ['MB of TCP', 'and by watch', 'is taken over'],
  },
  { files: /\/dataplane\/mixed_test/, tests: ['TCP, ', 'datagrams of', 'changes its mode'] },
  { files: /\/dataplane\/default_sizes_test/, tests: ['flat, wire '] },
  { files: /\/dataplane\/fast_path_sizes_test/, tests: ['a hop of'] },
  { files: /\/dataplane\/\w*(default|fast_path|direct_routing)_test/, tests: FORMS },
  { files: /\/dataplane\/wire_test/, tests: ['TCP: '] },
  { files: /\/fastpath\/nat_test/, tests: [' udp: ', 'missing or broken'] },
  { files: /\/kernel\/replacement_test/, tests: ['3,000 leases'] },
  { files: /\/bpf\/send_test/, tests: ['default range of local ports'] },
];

/** What of a file is left out, by full name; null: nothing. */
export function leftOutOf(file: string): RegExp | null {
  const tests = ROWS.filter(({ files }) => files.test(file)).flatMap((row) => row.tests);
  return tests.length === 0 ? null : new RegExp(tests.join('|'));
}
