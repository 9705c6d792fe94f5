import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { labFromEnvironment } from '../../lab/environment.ts';
import { fillOptions, hostName, type LabOptions } from '../../lab/options.ts';
import { formatTable } from '../../lab/table.ts';
import { planTopology } from '../../lab/topology.ts';

const UNDERLAYS: readonly LabOptions[] = [
  { name: 'x', underlay: 'flat', hosts: 100 },
  { name: 'x', underlay: 'routed', hosts: 100 },
  { name: 'x', underlay: 'routed', hosts: 9, pathMtu: 1400 },
  { name: 'x', underlay: 'pair' },
];

describe('topologies', () => {
  for (const options of UNDERLAYS) {
    it(`${JSON.stringify(options)}: no name and no address twice, every cable's ends exist`, () => {
      const { nodes, cables, hosts, service } = planTopology(fillOptions(options));
      const ends = cables.flatMap((cable) => cable.ends);
      const addresses = ends.flatMap((end) => end.address ?? []);
      const names = nodes.map((node) => node.name);
      assert.equal(new Set(names).size, names.length);
      assert.equal(new Set(addresses).size, addresses.length);
      for (const end of ends) {
        assert(names.includes(end.node), end.node);
        assert(end.device.length <= 15, `the kernel takes no device name as long as ${end.device}`);
      }
      for (const host of hosts) assert(addresses.includes(`${host.address}/24`), host.name);
      assert(names.includes(service.node));
    });
  }

  it('a smaller path MTU lies between neighbours in the list', () => {
    const { hosts, cables } = planTopology(
      fillOptions({ name: 'x', underlay: 'routed', pathMtu: 1400 }),
    );
    assert.deepEqual(
      hosts.map((host) => host.router),
      ['router1', 'router2', 'router1'],
    );
    assert.deepEqual(
      cables.filter((cable) => cable.mtu === 1400).map(({ ends }) => ends.map((end) => end.node)),
      [['router1', 'router2']],
    );
  });

  it('host names go on after z', () => {
    assert.deepEqual([0, 25, 26, 99].map(hostName), ['a', 'z', 'h27', 'h100']);
  });
});

describe('options that cannot be', () => {
  const cases: readonly [Partial<LabOptions>, RegExp][] = [
    [{ name: 'a-b' }, /lab name 'a-b'/],
    [{ name: '' }, /lab name ''/],
    [{ hosts: 0 }, /hosts 0: /],
    [{ hosts: 101 }, /hosts 101: /],
    [{ mtu: 100 }, /mtu 100: /],
    [{ pathMtu: 1400 }, /path MTU 1400: only a routed underlay/],
    [{ underlay: 'routed', pathMtu: 1501 }, /path MTU 1501: /],
    [{ underlay: 'pair', hosts: 3 }, /hosts 3: a pair has 2/],
    [{ underlay: 'ring' as 'flat' }, /underlay 'ring': must be one of flat, routed, pair/],
    [{ store: 'kube' as 'file' }, /store 'kube': must be one of file, etcd/],
  ];
  for (const [options, message] of cases) {
    it(JSON.stringify(options), () => {
      assert.throws(() => fillOptions({ name: 'x', ...options }), { message });
    });
  }
});

describe('make variables', () => {
  it('become options', () => {
    const env = {
      HOSTS: '5',
      STORE: 'etcd',
      UNDERLAY: 'routed',
      MTU: '9000',
      PATH_MTU: '1400',
      WIRE: '1',
    };
    assert.deepEqual(labFromEnvironment(env), {
      name: 'lab',
      hosts: 5,
      store: 'etcd',
      underlay: 'routed',
      mtu: 9000,
      pathMtu: 1400,
      wire: true,
    });
  });

  it('count as not given when empty, and are named when they are no number', () => {
    assert.deepEqual(labFromEnvironment({ HOSTS: '', LAB: 'two' }), { name: 'two' });
    assert.throws(() => labFromEnvironment({ MTU: '9k' }), /MTU=9k: must be a whole number/);
  });
});

it('tables have columns as wide as their widest cell', () => {
  const rows = [
    ['host', 'x'],
    ['a', 'longer'],
    ['h27', ''],
  ];
  assert.equal(formatTable(rows), 'host  x\n────  ──────\na     longer\nh27');
});
