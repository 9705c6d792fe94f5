import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Netfilter, Node } from '../../src/backend/contract.ts';
import { decideFastPath } from '../../src/backend/fast_path.ts';
import { vxlan } from '../../src/backend/vxlan.ts';
import { config, node, options, own, withOptions } from './samples.ts';

const on = { ...options, fastPath: true };

const quiet: Netfilter = { nat: [], blindness: null, doubt: null, forward: [] };

const endpoint = (address: string, device: string) => ({
  address,
  device,
  gatewayMac: '02:00:00:00:00:aa',
});

const first = endpoint('10.5.52.2', 'veth1');
const second = endpoint('10.5.52.3', 'veth2');

function withNode(change: Partial<Node>): Node {
  return { ...node, netfilter: quiet, endpoints: [first, second], ...change };
}

test('off unless the config asks for it, whatever endpoints there are', () => {
  assert.deepEqual(decideFastPath(options, withNode({}), own), {
    isOn: false,
    conntrack: false,
    endpoints: new Map(),
    attachments: [],
    warnings: [],
  });
});

test('each endpoint is served, by one program on each interface', () => {
  const third = endpoint('10.5.52.4', 'veth2');
  const decided = decideFastPath(on, withNode({ endpoints: [first, second, third] }), own);
  assert.equal(decided.isOn, true);
  assert.equal(decided.conntrack, false);
  assert.deepEqual([...decided.endpoints.values()], [first, second, third]);
  assert.deepEqual(decided.attachments, [
    { program: 'endpoint_send', device: 'veth1', hook: 'ingress', by: 'tcx' },
    { program: 'endpoint_send', device: 'veth2', hook: 'ingress', by: 'tcx' },
  ]);
  assert.deepEqual(decided.warnings, []);
});

test('an endpoint outside the subnet is left out, with a warning', () => {
  const stray = endpoint('10.5.53.2', 'veth3');
  const decided = decideFastPath(on, withNode({ endpoints: [first, stray] }), own);
  assert.deepEqual([...decided.endpoints.keys()], [first.address]);
  assert.deepEqual(decided.attachments.length, 1);
  assert.match(decided.warnings.join(), /10\.5\.53\.2 on veth3 lies outside 10\.5\.52\.0\/24/);
});

test('flows are looked up while the host may NAT', () => {
  const nat = ['table ip nat of nftables'];
  const sure = decideFastPath(on, withNode({ netfilter: { ...quiet, nat } }), own);
  assert.deepEqual([sure.isOn, sure.conntrack, sure.warnings], [true, true, []]);
  const doubt = 'the NAT rules cannot be read';
  const unsure = decideFastPath(on, withNode({ netfilter: { ...quiet, doubt } }), own);
  assert.deepEqual([unsure.isOn, unsure.conntrack], [true, true]);
  assert.match(unsure.warnings.join(), /cannot be read: FastPath takes it that the host NATs/);
});

test('NAT that the programs cannot tell keeps FastPath off, and the reason is told', () => {
  const netfilter = { ...quiet, nat: ['table ip nat of nftables'], blindness: 'no look-up' };
  const decided = decideFastPath(on, withNode({ netfilter }), own);
  assert.deepEqual([decided.isOn, decided.endpoints.size, decided.attachments], [false, 0, []]);
  assert.match(
    decided.warnings.join(),
    /stays off: the host NATs \(table ip nat of nftables\), and no look-up/,
  );
  const blindAndUnread = { ...quiet, doubt: 'cannot be read', blindness: 'no look-up' };
  assert.equal(decideFastPath(on, withNode({ netfilter: blindAndUnread }), own).isOn, false);
  const noNat = { ...quiet, blindness: 'no look-up' };
  assert.equal(decideFastPath(on, withNode({ netfilter: noNat }), own).isOn, true);
});

test('forward chains that it goes past are named', () => {
  const forward = [
    'table ip filter, chain FORWARD: 3 rules',
    'table inet fw, chain f: policy drop',
  ];
  const { warnings, isOn } = decideFastPath(
    on,
    withNode({ netfilter: { ...quiet, forward } }),
    own,
  );
  assert.equal(isOn, true);
  for (const chain of forward) assert(warnings.join().includes(chain));
});

test('the dataplane has it all, beside what default mode has', () => {
  const nat = ['table ip nat of nftables'];
  const { dataplane } = vxlan.desired(
    withOptions({ fastPath: true }),
    withNode({ netfilter: { ...quiet, nat } }),
    own,
    [],
  );
  const plain = vxlan.desired(config, withNode({}), own, []).dataplane;
  assert(dataplane && plain);
  assert.deepEqual(dataplane.settings, { ...plain.settings, fastPath: true, conntrack: true });
  assert.deepEqual(dataplane.attachments.slice(0, 3), plain.attachments);
  assert.equal(dataplane.attachments.length, 5);
  assert.deepEqual([...dataplane.endpoints.keys()], [first.address, second.address]);
});
