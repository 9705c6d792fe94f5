import assert from 'node:assert/strict';
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTartan, temporaryFolder } from '../../test/cli/run_tartan.ts';

const NOBODY = 65_534;
const CONFIG = '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}';

test('without privilege the host is left alone, and it says so', async () => {
  await using folder = await temporaryFolder();
  await chmod(folder.path, 0o777);
  const environment = {
    FLANNELD_STORE: `file:${join(folder.path, 'net.db')}`,
    FLANNELD_STATE_DIR: join(folder.path, 'state'),
    FLANNELD_SUBNET_FILE: join(folder.path, 'subnet.env'),
  };
  const asNobody = { environment, uid: NOBODY };
  for (const command of ['join', 'watch', 'teardown']) {
    const run = await runTartan([command], asNobody);
    assert.equal(run.status, 1);
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /CAP_NET_ADMIN missing\n.*root/);
  }
  assert.deepEqual(await readdir(folder.path), []);

  const init = await runTartan(['init-config', CONFIG], asNobody);
  assert.equal(init.status, 0, init.stderr);
  const reserve = await runTartan(['lease', 'reserve', '10.5.52.0/24', '192.168.64.3'], asNobody);
  assert.equal(reserve.status, 0, reserve.stderr);
  const list = await runTartan(['lease', 'list'], asNobody);
  assert.match(list.stdout, /^10\.5\.52\.0\/24 +192\.168\.64\.3 .*reservation$/m);
  const renew = await runTartan(['renew'], asNobody);
  assert.match(renew.stderr, /has not joined/);
});
