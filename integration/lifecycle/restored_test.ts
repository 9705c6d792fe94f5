import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLab } from '../../lab/lab.ts';
import { folderOf } from '../../lab/names.ts';
import { waitFor } from '../../lab/ready.ts';
import { startEtcd } from '../store/etcd_server.ts';
import { hostsOf, lacks, parseReport, peersInKernel } from './support.ts';
import { startWatch } from './watching.ts';

const KEYS = '/coreos.com/network/subnets';
const peer = (number: number) =>
  `{"PublicIP":"192.168.77.${number}","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:${number}"}}`;

describe('etcd restored from an older backup', { skip: lacks('etcd', 'etcdctl') }, () => {
  it('from before this host joined: it takes its subnet again, and peers are those of the backup', async () => {
    await using lab = await createLab({ name: 'liferestored', hosts: 1, pods: 0 });
    const [a] = hostsOf(lab);
    await using server = await startEtcd({ namespace: a.namespace });
    const env = { FLANNELD_STORE: '', FLANNELD_ETCD_ENDPOINTS: server.url };
    await a.tartan(['init-config', '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}'], {
      env,
    });
    await server.etcdctl(['put', `${KEYS}/10.5.201.0-24`], peer(51));
    await server.etcdctl(['put', `${KEYS}/10.5.202.0-24`], peer(52));
    const backup = `${folderOf(lab.name)}/backup.db`;
    await server.etcdctl(['snapshot', 'save', backup]);

    await server.etcdctl(['del', `${KEYS}/10.5.201.0-24`]);
    await server.etcdctl(['put', `${KEYS}/10.5.202.0-24`], peer(62));
    const joined = parseReport<{ subnet: string }>(await a.tartan(['join'], { env }));
    await using watching = await startWatch(a, [], { env });
    await server.etcdctl(['put', `${KEYS}/10.5.203.0-24`], peer(53));
    await watching.event('added');

    const from = watching.events().length;
    await server.restore(backup);
    await watching.event('acquired', from);
    const truth = { '10.5.201.0/24': '192.168.77.51', '10.5.202.0/24': '192.168.77.52' };
    await waitFor('the peers of the backup', () => {
      assert.deepEqual(peersInKernel(a), truth);
      return true;
    });
    const told = watching
      .events()
      .slice(from)
      .filter(({ subnet }) => subnet === joined.subnet)
      .map(({ type }) => type);
    assert.deepEqual(told, ['lost', 'acquired'], 'and never as removed');
    await watching.running.stop();
    const again = parseReport<{ subnet: string; changed: boolean }>(
      await a.tartan(['join'], { env }),
    );
    assert.deepEqual([again.subnet, again.changed], [joined.subnet, false]);
    await a.tartan(['teardown'], { env });
  });
});
