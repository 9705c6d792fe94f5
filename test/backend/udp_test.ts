import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/backend/contract.ts';
import { udp } from '../../src/backend/udp.ts';
import { TartanError } from '../../src/errors.ts';
import type { NetworkConfig } from '../../src/lease/config.ts';
import type { ForeignLink } from '../../src/plan/links.ts';
import { config as base, lease, node, withInterface } from './samples.ts';

const config: NetworkConfig = { ...base, backend: { type: 'udp', port: 8285, fastPath: false } };
const fast: NetworkConfig = { ...base, backend: { type: 'udp', port: 8285, fastPath: true } };
const own = lease('10.5.52.0/24', { publicIp: '192.168.64.2', backendType: '' });
const peer = lease('10.5.7.0/24', { backendType: '' });
const inUserSpace: Node = { ...node, dataplane: { kind: 'user', reason: null } };

const others: ForeignLink = {
  ...{ name: 'flannel0', kind: 'foreign', detail: 'veth', mac: '', classic: null },
  ...{ network: 'blue', socket: null },
};

test('a lease says no more than flannel’s: the address', () => {
  const { attributes, mtu } = udp.attributes(config, node, null, () => 'x');
  assert.deepEqual(attributes, { publicIp: '192.168.64.2', publicIpv6: null, backendType: '' });
  assert.equal(mtu, 1472);
});

test('the overlay device is one end of a pair, and programs stand at both', () => {
  const { mode, links, dataplane, filter } = udp.desired(config, node, own, [peer]);
  assert.equal(mode, 'default');
  assert.equal(filter, null);
  assert.deepEqual(links, [
    {
      ...{ name: 'flannel0', kind: 'pair', far: 'flannel0.far', mac: '02:75:64:70:00:00' },
      ...{ mtu: 1472, tuned: true, up: true },
    },
  ]);
  const places = dataplane?.attachments.map(({ program, device, hook }) => [program, device, hook]);
  assert.deepEqual(places, [
    ['udp_send', 'flannel0', 'egress'],
    ['udp_resend', 'flannel0.far', 'ingress'],
    ['udp_receive', 'eth0', 'ingress'],
  ]);
  assert.equal(dataplane?.settings.far, 'flannel0.far');
  assert.equal(dataplane?.settings.port, 8285);
  assert.deepEqual([...(dataplane?.peers.keys() ?? [])], ['10.5.7.0/24']);
});

test('FastPath delivers what the pair has merged', () => {
  const netfilter = { nat: [], blindness: null, doubt: null, forward: [] };
  const { mode, dataplane } = udp.desired(fast, { ...node, netfilter }, own, [peer]);
  assert.equal(mode, 'fastpath');
  assert(dataplane?.attachments.some(({ program }) => program === 'udp_deliver'));
});

test('who publishes another backend is no peer', () => {
  const { reached } = udp.desired(config, node, own, [peer, lease('10.5.8.0/24')]);
  assert.equal(reached, 1);
});

test('in user space: a TUN, and routes that say whose subnet it is', () => {
  const decision = udp.desired(fast, inUserSpace, own, [peer]);
  assert.equal(decision.mode, 'user');
  assert.equal(decision.dataplane, null);
  assert.deepEqual(decision.links, [{ name: 'flannel0', kind: 'tun', mtu: 1472, up: true }]);
  assert.deepEqual(decision.routes, [
    { destination: '10.5.0.0/16', via: '', device: 'flannel0', onlink: true },
    { destination: '10.5.7.0/24', via: '192.168.64.7', device: 'flannel0', onlink: true },
  ]);
  assert.deepEqual(
    decision.warnings.map((warning) => /tartan relay|FastPath/.exec(warning)?.[0]),
    ['tartan relay', 'FastPath'],
  );
});

test('in user space, what the relay is to be told is said', () => {
  const other = {
    name: 'flannel0',
    kind: 'foreign',
    detail: 'tun',
    mac: '',
    classic: null,
  } as const;
  const links = [{ ...other, network: 'blue', socket: null }];
  const options = { ...config, backend: { type: 'udp', port: 8286, fastPath: false } } as const;
  const { warnings } = udp.desired(options, { ...inUserSpace, links }, own, [peer]);
  assert.match(warnings.join(), /`tartan relay --device flannel1 --listen-port 8286`/);
});

const inKernel: Node = { ...node, dataplane: { kind: 'kernel', reason: null } };

test('by the kernel: an IP-in-IP device in UDP, a FOU port, and the peers as next hops', () => {
  const decision = udp.desired(fast, inKernel, own, [peer]);
  assert.equal(decision.mode, 'kernel');
  assert.equal(decision.dataplane, null);
  assert.deepEqual(decision.links, [
    {
      ...{ name: 'flannel0', kind: 'fou', mtu: 1472, port: 8285, underlay: 'eth0' },
      ...{ underlayAddress: '192.168.64.2', tuned: true, up: true },
    },
  ]);
  assert.deepEqual(decision.fou, [{ address: '192.168.64.2', port: 8285 }]);
  assert.deepEqual(udp.fouPort?.(fast, inKernel), decision.fou[0]);
  assert.deepEqual(decision.addresses, [{ device: 'flannel0', address: '10.5.52.0/32' }]);
  assert.deepEqual(decision.routes, [
    { destination: '10.5.7.0/24', via: '192.168.64.7', device: 'flannel0', onlink: true },
  ]);
  assert.match(decision.filter ?? '', /chain fou_192\.168\.64\.2_8285 .*frag-off set 0/s);
  assert.deepEqual(
    decision.warnings.map((warning) => /FastPath/.exec(warning)?.[0]),
    ['FastPath'],
  );
  assert.equal(decision.reached, 1);
});

test('by the kernel, as nobody asked for: the reason is told', () => {
  const forced: Node = { ...node, dataplane: { kind: 'kernel', reason: 'no CAP_BPF' } };
  assert.match(udp.desired(config, forced, own, [peer]).warnings[0] ?? '', /no CAP_BPF/);
});

test('another network of the host has a device of its own', () => {
  const { links } = udp.desired(config, { ...node, links: [others] }, own, []);
  assert.equal(links[0]?.name, 'flannel1');
  const [mine] = links;
  const again = udp.desired(config, { ...node, links: [mine ?? assert.fail()] }, own, []);
  assert.equal(again.links[0]?.name, 'flannel1');
});

test('a device that was left unfinished is not the one to go on with', () => {
  for (const kind of ['bpf', 'kernel', 'user'] as const) {
    const wanted: Node = { ...node, dataplane: { kind, reason: null } };
    const [whole] = udp.desired(config, wanted, own, []).links;
    const left = { ...(whole ?? assert.fail()), name: 'tartan-37a8eec1' };
    const { links } = udp.desired(config, { ...wanted, links: [left] }, own, []);
    assert.equal(links[0]?.name, 'flannel0');
  }
});

test('flanneld’s TUN is not stepped round', () => {
  const strange = { ...others, network: null };
  const { links } = udp.desired(config, { ...node, links: [strange] }, own, []);
  assert.equal(links[0]?.name, 'flannel0');
});

test('an MTU that leaves nothing is refused', () => {
  assert.throws(
    () => udp.attributes(config, withInterface({ mtu: 90 }), null, () => ''),
    (error) => error instanceof TartanError && error.code === 'CONFIG_INVALID',
  );
});
