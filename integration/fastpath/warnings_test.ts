/** What `join` says of forward chains that FastPath goes past. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab } from '../../lab/lab.ts';
import { HOST_GW_FAST } from '../carriers/host_gw.ts';
import { UDP_FAST } from '../carriers/udp.ts';
import { VXLAN_FAST } from '../carriers/vxlan.ts';
import { missing } from '../dataplane/requirements.ts';
import { startWatch } from '../lifecycle/watching.ts';

const skip = await missing();

for (const { name, config } of [VXLAN_FAST, UDP_FAST, HOST_GW_FAST]) {
  describe(`forward chains, ${name}`, { skip }, () => {
    let lab: Lab;
    before(async () => {
      lab = await createLab({ name: 'fastwarn', hosts: 1, pods: 0 });
      const host = lab.host('a');
      await host.tartan(['init-config', '-'], { input: JSON.stringify(config) });
      await host.exec(['nft', '-f', '-'], {
        input: `
table ip filter {
  chain policies { drop; }
  chain FORWARD { type filter hook forward priority 0; jump policies; accept; }
  chain INPUT { type filter hook input priority 0; accept; }
}
table inet firewall { chain closed { type filter hook forward priority 10; policy drop; }; }
table inet empty { chain nothing { type filter hook forward priority 20; policy accept; }; }
table bridge other { chain frames { type filter hook forward priority 0; policy drop; }; }
table ip6 other { chain six { type filter hook forward priority 0; policy drop; }; }
`,
      });
    });
    after(() => lab?.destroy());

    const warning =
      /forward chains, which no longer see it: table ip filter, chain FORWARD: 2 rules; table inet firewall, chain closed: 0 rules, policy drop"/;

    it('those that do something to IPv4 are named, by join and at the start of watch', async () => {
      const host = lab.host('a');
      const { stderr } = await host.tartan(['join']);
      assert.match(stderr, warning);
      for (const name of ['INPUT', 'nothing', 'frames', 'six'])
        assert(!stderr.includes(name), name);
      await using watching = await startWatch(host, ['--reconcile-interval', '1']);
      assert.match(watching.running.stderr(), warning);
      assert.equal(watching.running.stderr().match(/forward chains/g)?.length, 1);
    });

    it('in default mode there is nothing to say', async () => {
      const host = lab.host('a');
      const off = { ...config, Backend: { ...config.Backend, FastPath: false } };
      await host.tartan(['init-config', '--force', '-'], { input: JSON.stringify(off) });
      assert.equal((await host.tartan(['join'])).stderr, '');
    });
  });
}
