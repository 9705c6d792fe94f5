import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createLab, type Lab } from '../../lab/lab.ts';
import { processesIn } from '../../lab/proc.ts';
import type { Op } from '../../src/plan/op.ts';
import { type Fingerprint, fingerprint, storeBytes } from './fingerprint.ts';
import {
  CONFIG,
  hostsOf,
  initConfig,
  join,
  lacks,
  parseReport,
  readSubnetEnv,
  storedLeases,
  teardown,
} from './support.ts';

const JOIN_KEYS = [
  ...[
    'network',
    'subnet',
    'publicIp',
    'interface',
    'mtu',
    'backend',
    'mode',
    'modeReason',
    'leaseExpires',
  ],
  ...['peers', 'formerSubnet', 'changed'],
];

describe('the commands', { concurrency: 2 }, () => {
  for (const store of ['file', 'etcd'] as const) {
    describe(`the commands on ${store}`, {
      concurrency: 1,
      skip: store === 'etcd' && lacks('etcd', 'etcdctl'),
    }, () => {
      let lab: Lab;
      let untouched: Fingerprint;
      before(async () => {
        lab = await createLab({ name: `lifecmd${store}`, hosts: 2, pods: 0, store });
        untouched = fingerprint(hostsOf(lab)[0]);
      });
      after(() => lab.destroy());

      it('init-config: writes the bytes as given, again changes nothing, replaces only by force', async () => {
        const [a] = hostsOf(lab);
        const text = JSON.stringify(CONFIG);
        const written = { network: '10.5.0.0/16', subnetLength: 24, backend: 'vxlan' };
        const init = async (input: string, ...args: string[]) =>
          parseReport(await a.tartan(['init-config', ...args, '-'], { input }));
        assert.deepEqual(await init(text, '--dry-run'), { ...written, changed: true });
        assert.deepEqual(await init(text), { ...written, changed: true });
        const bytes = await storeBytes(lab);
        assert.deepEqual(await init(text), { ...written, changed: false });
        const other = `${text} `;
        const refused = await a.tartan(['init-config', '-'], { input: other, mayFail: true });
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /different network config already\n.*--force/);
        await init(other, '--force', '--dry-run');
        assert.equal(await storeBytes(lab), bytes);
        assert.deepEqual(await init(other, '--force'), { ...written, changed: true });
        assert.deepEqual(await init(text, '--force'), { ...written, changed: true });
      });

      it('join --dry-run prints what it would do and does nothing', async () => {
        const [a] = hostsOf(lab);
        const bytes = await storeBytes(lab);
        const preview = parseReport<{ lease: { action: string; subnet: string }; ops: Op[] }>(
          await a.tartan(['join', '--dry-run']),
        );
        assert.equal(preview.lease.action, 'create');
        assert.match(preview.lease.subnet, /^10\.5\.\d+\.0\/24$/);
        const names = preview.ops.map(({ op }) => op);
        for (const op of ['link.add', 'bpf.load', 'bpf.attach', 'vni.add', 'routes.add'])
          assert(names.includes(op as Op['op']), `${op} in ${names}`);
        assert.equal(await storeBytes(lab), bytes);
        assert.deepEqual(fingerprint(a), untouched);
      });

      it('join prints the contract’s keys, writes subnet.env byte for byte, and leaves no process', async () => {
        const [a] = hostsOf(lab);
        const started = Date.now();
        const report = await join(a);
        assert.deepEqual(Object.keys(report), JOIN_KEYS);
        const { subnet, leaseExpires, ...rest } = report;
        assert.deepEqual(rest, {
          network: '10.5.0.0/16',
          publicIp: a.address,
          interface: 'eth0',
          mtu: 1450,
          backend: 'vxlan',
          mode: 'default',
          modeReason: null,
          peers: 0,
          formerSubnet: null,
          changed: true,
        });
        const hours = (Date.parse(leaseExpires ?? '') - started) / 3_600_000;
        assert(hours > 23.99 && hours < 24.01, `${hours} h`);
        const first = subnet.replace(/0\/24$/, '1/24');
        assert.equal(
          readSubnetEnv(a),
          `FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=${first}\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n`,
        );
        const { files } = fingerprint(a);
        assert.match(files['subnet.env'] ?? '', /^100644 /);
        const [lease] = await storedLeases(lab);
        assert.equal(lease?.subnet, subnet);
        assert.match(
          lease?.value ?? '',
          /^\{"PublicIP":"192\.168\.77\.10","PublicIPv6":null,"BackendType":"vxlan","BackendData":\{"VNI":1,"VtepMAC":"[0-9a-f:]{17}"\}\}$/,
        );
        assert.deepEqual(processesIn([a.namespace]), []);
      });

      it('join again changes nothing: same devices, links, programs, maps, files, bytes in the store', async () => {
        const [a] = hostsOf(lab);
        const before = fingerprint(a);
        const bytes = await storeBytes(lab);
        const report = await join(a);
        assert.equal(report.changed, false);
        assert.deepEqual(fingerprint(a), before);
        assert.equal(await storeBytes(lab), bytes);
        const preview = parseReport<object>(await a.tartan(['join', '--dry-run']));
        assert.deepEqual(preview, {
          lease: { action: 'keep', subnet: report.subnet, remove: [] },
          ops: [],
        });
        assert.deepEqual(fingerprint(a), before);
        assert.equal(await storeBytes(lab), bytes);
      });

      it('can be piped', { skip: lacks('jq') }, async () => {
        const [a] = hostsOf(lab);
        const { stdout } = await a.shell('tartan join | jq -r .subnet');
        assert.match(stdout, /^10\.5\.\d+\.0\/24\n$/);
      });

      it('renew gives the lease another day and touches nothing else', async () => {
        const [a] = hostsOf(lab);
        const before = fingerprint(a);
        const joined = await join(a);
        const report = parseReport<{ subnet: string; publicIp: string; leaseExpires: string }>(
          await a.tartan(['renew']),
        );
        assert.equal(report.subnet, joined.subnet);
        assert.equal(report.publicIp, joined.publicIp);
        assert(Date.parse(report.leaseExpires) >= Date.parse(joined.leaseExpires ?? ''));
        assert.deepEqual(fingerprint(a), before);
      });

      it('teardown --dry-run prints ops and files, and does nothing', async () => {
        const [a] = hostsOf(lab);
        const before = fingerprint(a);
        const bytes = await storeBytes(lab);
        const preview = parseReport<{ subnet: string; files: string[]; ops: Op[] }>(
          await a.tartan(['teardown', '--dry-run']),
        );
        assert.deepEqual(preview.files, [a.subnetFile, `${a.stateDir}/default/state.json`]);
        assert.deepEqual(
          new Set(preview.ops.map(({ op }) => op)),
          new Set(['link.remove', 'bpf.detach', 'bpf.unload']),
        );
        assert.deepEqual(fingerprint(a), before);
        assert.equal(await storeBytes(lab), bytes);
      });

      it('teardown leaves nothing, and again changes nothing', async () => {
        const [a, b] = hostsOf(lab);
        const { subnet } = await join(a);
        const other = await join(b);
        assert.deepEqual(await teardown(a), { subnet, leaseRemoved: true, changed: true });
        assert.deepEqual(fingerprint(a), untouched);
        assert.deepEqual(
          (await storedLeases(lab)).map((lease) => lease.subnet),
          [other.subnet],
        );
        const bytes = await storeBytes(lab);
        assert.deepEqual(await teardown(a), { subnet: null, leaseRemoved: false, changed: false });
        assert.deepEqual(fingerprint(a), untouched);
        assert.equal(await storeBytes(lab), bytes);
        if (lab.etcd !== null) {
          const { stdout } = await lab.etcd.ctl(['lease', 'list']);
          assert.match(stdout, /^found 1 leases\n/, 'no grant is left but the other host’s');
        }
      });

      it('teardown --keep-lease keeps the subnet for the next join', async () => {
        const [a] = hostsOf(lab);
        const { subnet } = await join(a);
        assert.deepEqual(await teardown(a, '--keep-lease'), {
          subnet,
          leaseRemoved: false,
          changed: true,
        });
        assert.deepEqual(fingerprint(a), untouched);
        assert.equal((await join(a)).subnet, subnet);
        await teardown(a);
      });
    });
  }
});

describe('help', () => {
  it('every command shows examples, options with their variables, and exits with 0', async () => {
    await using lab = await createLab({ name: 'lifehelp', hosts: 1, pods: 0 });
    const [a] = hostsOf(lab);
    for (const command of ['init-config', 'join', 'renew', 'watch', 'teardown']) {
      const { stdout, stderr } = await a.tartan([command, '--help']);
      assert.equal(stderr, '');
      assert.match(stdout, new RegExp(`Examples:\\n(  # .*\\n  tartan ${command}.*\\n)+`));
      assert.match(stdout, /--store <kind:where> .*\[FLANNELD_STORE\]/s);
      assert.match(stdout, /Exit status: 0 done, 1 failed, 2 wrong use, 75 try again later/);
    }
    await initConfig(lab);
  });
});
