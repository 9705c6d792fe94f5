/** vxlan's DirectRouting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../src/backend/contract.ts';
import { vxlan } from '../../src/backend/vxlan.ts';
import type { HostRoute } from '../../src/plan/routes.ts';
import { node as bareNode, lease, own, withOptions } from './samples.ts';

const connected: HostRoute = {
  ...{ destination: '192.168.64.0/24', via: null, device: 'eth0', metric: 0 },
};
const config = withOptions({ directRouting: true });
const node: Node = { ...bareNode, routes: [connected] };
const near = lease('10.5.7.0/24');
const far = lease('10.5.8.0/24', { publicIp: '192.168.65.8' });
const kernel = { ...node, dataplane: { kind: 'kernel', reason: null } } as const;

const direct = { destination: '10.5.7.0/24', via: '192.168.64.7', device: 'eth0', onlink: false };

test('a peer on the layer 2 gets a route by the underlay, another goes through the tunnel', () => {
  const { routes, dataplane, reached } = vxlan.desired(config, node, own, [near, far]);
  assert.deepEqual(
    routes.filter(({ onlink }) => !onlink),
    [direct],
  );
  assert.deepEqual(dataplane?.peers.get('10.5.7.0/24'), {
    ...{ subnet: '10.5.7.0/24', publicIp: '192.168.64.7', mac: '02:00:00:00:01:07', direct: true },
  });
  assert.equal(dataplane?.peers.get('10.5.8.0/24')?.direct, undefined);
  assert.equal(reached, 2);
});

test('without the option, no peer is direct', () => {
  const { routes, dataplane } = vxlan.desired(withOptions({}), node, own, [near, far]);
  assert(routes.every(({ onlink }) => onlink));
  assert([...(dataplane?.peers.values() ?? [])].every((peer) => !('direct' in peer)));
});

test('where the overlay’s route is to the very subnet, the one by the underlay is instead of it', () => {
  const first = lease('10.5.1.0/24', { publicIp: '192.168.64.7' });
  const { routes } = vxlan.desired(config, node, own, [first]);
  assert.deepEqual(
    routes.filter(({ destination }) => destination === '10.5.1.0/24'),
    [{ ...direct, destination: '10.5.1.0/24' }],
  );
});

test('a lease outside the network stays in the tunnel', () => {
  const outside = lease('10.6.7.0/24');
  const { routes } = vxlan.desired(config, node, own, [outside]);
  assert.equal(routes.find(({ destination }) => destination === '10.6.7.0/24')?.onlink, true);
});

test('in kernel mode a direct peer has a route, and neither neighbour nor FDB entry', () => {
  const { routes, neighbors, fdb, reached } = vxlan.desired(config, kernel, own, [near, far]);
  assert.deepEqual(routes, [
    { destination: '10.5.8.0/24', via: '10.5.8.0', device: 'flannel.1', onlink: true },
    direct,
  ]);
  assert.deepEqual([neighbors.length, fdb.length, reached], [1, 1, 2]);
});

test('a foreign route that gives way is said, in both modes', () => {
  const rival = { ...connected, destination: '10.5.7.0/24', via: '192.168.64.9' };
  for (const host of [node, kernel]) {
    const { warnings } = vxlan.desired(config, { ...host, routes: [connected, rival] }, own, [
      near,
    ]);
    assert.match(
      warnings.join(),
      /10\.5\.7\.0\/24 via 192\.168\.64\.9 .* gives way to one via 192\.168\.64\.7/,
    );
  }
});
