/** Kernel mode over real namespaces: the same cases in every lab of its table. */
import { after, before, describe } from 'node:test';
import { kernelMode } from './cases/kernel_mode.ts';
import { createNetwork, type Network } from './network.ts';
import { missing } from './requirements.ts';
import { KERNEL_ROWS, tellingRows } from './rows.ts';
import { buildTools } from './senders.ts';

const skip = await missing();

before(() => skip || buildTools());

for (const row of tellingRows(KERNEL_ROWS)) {
  describe(row.name, { skip }, () => {
    let created: Network | undefined;
    before(async () => {
      created = await createNetwork({ name: 'kernelmode', ...row.options });
    });
    after(() => created?.lab.destroy());

    kernelMode(() => {
      if (!created) throw new Error(`the lab of '${row.name}' could not be made`);
      return created;
    }, row);
  });
}
