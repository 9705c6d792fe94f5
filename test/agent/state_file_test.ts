import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HostState, leftFor } from '../../src/agent/state_file.ts';
import { parsePrefix } from '../../src/net/prefix.ts';

const NETWORK = parsePrefix('10.5.0.0/16');

const STATE: HostState = {
  version: 1,
  networkNamespace: 4_026_531_840,
  backend: 'vxlan',
  interface: 'eth0',
  subnet: '10.5.100.0/24',
  publicIp: '192.168.64.3',
  vtepMac: '02:00:00:00:00:03',
  bpffs: '/sys/fs/bpf',
  store: 'file /var/lib/tartan/store',
  subnetFile: '/run/flannel/subnet.env',
};

test('a subnet that is taken again is left no longer, and few are remembered', () => {
  const subnets = Array.from({ length: 12 }, (_, n) => `10.5.${n}.0/24`);
  let last = STATE;
  for (const subnet of subnets) last = { ...last, subnet, left: leftFor(subnet, NETWORK, last) };
  assert.deepEqual(last.left, subnets.slice(3, 11).toReversed());
  assert.deepEqual(leftFor('10.5.10.0/24', NETWORK, last), [
    '10.5.11.0/24',
    ...(last.left ?? []).slice(1),
  ]);
  assert.deepEqual(leftFor(last.subnet, NETWORK, last), last.left);
  assert.deepEqual(leftFor(last.subnet, parsePrefix('10.9.0.0/16'), last), []);
  assert.deepEqual(leftFor(STATE.subnet, NETWORK, null), []);
});
