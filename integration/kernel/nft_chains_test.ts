/** What is read of nftables by netlink is what nft was told. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CHECKOUT, type Host } from '../../lab/host.ts';
import { inNamespace } from '../../lab/in_namespace.ts';
import { createLab, type Lab } from '../../lab/lab.ts';
import { hasChain, readChains, readChainsOf } from '../../src/sys/nft_chains.ts';
import { missing } from './requirements.ts';

const RULES = `
table ip tartan-here { chain made_from_1 {}; chain two {}; }
table ip other { chain two {}; chain post { type nat hook postrouting priority 100; }; }
table inet filter { chain FORWARD { type filter hook forward priority 0; policy drop; accept; ct state new jump x; }; chain x { accept; }; }
table ip6 filter { chain FORWARD { type filter hook forward priority 0; }; }
table netdev edge { chain in0 { type filter hook ingress device eth0 priority 0; }; }
`;

describe('what is read of nftables', { skip: missing() }, () => {
  let lab: Lab;
  let host: Host;
  before(async () => {
    lab = await createLab({ name: 'nftchains', hosts: 1, pods: 0 });
    host = lab.host('a');
    await host.exec(['nft', RULES]);
  });
  after(() => lab?.destroy());

  const read = <T>(look: () => T) => inNamespace(host, look);

  it('chains: type, hook, policy and how many rules', () => {
    const chains = read(readChains).map(({ family, table, name, type, isForward, drops, uses }) =>
      [family, table, name, type, isForward && 'forward', drops && 'drop', uses]
        .filter((word) => word !== false && word !== undefined)
        .join(' '),
    );
    assert.deepEqual(chains.toSorted(), [
      'inet filter FORWARD filter forward drop 2',
      'inet filter x 2',
      'ip other post nat 0',
      'ip other two 0',
      'ip tartan-here made_from_1 0',
      'ip tartan-here two 0',
      'ip6 filter FORWARD filter forward 0',
      'netdev edge in0 filter 0',
    ]);
    const names = (table: string) =>
      read(() => readChainsOf(table)?.map(({ name }) => name) ?? null);
    assert.deepEqual(names('tartan-here'), ['made_from_1', 'two']);
    assert.deepEqual(names('filter'), null);
    const has = (table: string, name: string) => read(() => hasChain(table, name));
    assert.equal(has('tartan-here', 'two'), true);
    assert.equal(has('tartan-here', 'three'), false);
    assert.equal(has('filter', 'FORWARD'), false, 'of family ip6 alone');
  });

  it('chains that may not be read: it is taken that they NAT, and said why', async () => {
    const module = `${CHECKOUT}/src/kernel/netfilter.ts`;
    const script = `import { readNat } from '${module}'; console.log(JSON.stringify(await readNat({ network: 'default', masquerades: false })));`;
    const drop = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin', '--'];
    const { stdout } = await host.exec([
      ...[...drop, `${CHECKOUT}/scripts/node`, '--input-type=module', '-e', script],
    ]);
    assert.partialDeepStrictEqual(JSON.parse(stdout), {
      nat: [],
      doubt: "the host's NAT rules cannot be read (list chains: EPERM)",
    });
  });
});
