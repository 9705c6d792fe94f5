/** Two networks of udp, told apart by their ports alone. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ping } from '../../lab/traffic.ts';
import { readCounters } from '../../src/bpf/counters.ts';
import { UDP } from '../carriers/udp.ts';
import { testTwoNetworks } from '../dataplane/cases/networks.ts';
import { openMapsOf } from '../dataplane/meter.ts';

const BLUE = { Network: '10.6.0.0/16', Backend: { Type: 'udp', Port: 8286 } };

testTwoNetworks(UDP, BLUE, 'flannel1', ({ network, blueAddress, refuse }) => {
  it('both carry packets, and neither has dropped any', async () => {
    const { a, b } = network();
    assert.equal(await ping(a.pod, b.pod.address, { count: 10 }), 10);
    assert.equal(await ping(a.host, blueAddress(b.host), { count: 10 }), 10);
    for (const name of ['default', 'blue']) {
      using maps = openMapsOf(b.host, name);
      const drops = Object.entries(readCounters(maps)).filter(
        ([counter, count]) => counter.startsWith('drop_') && count > 0,
      );
      assert.deepEqual(drops, [], name);
    }
  });

  for (const [port, other] of [
    [8285, 'default'],
    [8286, 'blue'],
  ] as const) {
    it(`a third with port ${port} is refused, and told whose it is`, () =>
      refuse(
        { backend: { Port: port } },
        {
          code: 'CONFIG_INVALID',
          message: new RegExp(
            `UDP port ${port} is taken on eth0: this host's network "${other}" \\(udp\\) has it`,
          ),
          hint: /Backend\.Port of its own/,
        },
      ));
  }
});
