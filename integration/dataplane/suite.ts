/** The dataplane over real namespaces: the same cases with every carrier, in every lab of a list. */
import { after, before, describe } from 'node:test';
import { PATIENCE } from '../../lab/patience.ts';
import { UNDERLAY_DEVICE } from '../../lab/topology.ts';
import type { Carrier } from '../carriers/contract.ts';
import { between } from './cases/between.ts';
import { bystanders } from './cases/bystanders.ts';
import { carriage, unresolved } from './cases/carriage.ts';
import { forgeries } from './cases/forgeries.ts';
import { kernelMode } from './cases/kernel_mode.ts';
import { marks } from './cases/marks.ts';
import { mishaps } from './cases/mishaps.ts';
import { sizes } from './cases/sizes.ts';
import { createNetwork, type Network } from './network.ts';
import { missing } from './requirements.ts';
import { type LabName, type Row, rowsOf, type Scope, select } from './rows.ts';
import { buildTools } from './senders.ts';

const skip = await missing();

/** Each file has some of the labs, so that several machines can share them. */
export function testCarrier(carrier: Carrier, labs: readonly LabName[], scope?: Scope): void {
  const rows = rowsOf(carrier, labs);
  before(() => skip || buildTools());
  for (const row of select(rows, scope)) testRow(row);
}

function testRow(row: Row): void {
  describe(row.name, { skip: skip || row.carrier.missing || false }, () => {
    let created: Network | undefined;
    const network = (): Network => {
      if (!created) throw new Error(`the lab of '${row.name}' could not be made`);
      return created;
    };
    before(async () => {
      created = await createNetwork({ name: 'dataplane', ...row.options }, row.carrier);
      if (!row.isWithoutChecksums) return;
      const argv = ['ethtool', '-K', UNDERLAY_DEVICE, 'rx', 'off', 'tx', 'off'];
      await Promise.all(created.lab.hosts.map((host) => host.exec(argv)));
    });
    after(() => created?.lab.destroy());

    if (row.carrier.mode === 'kernel' || row.carrier.hasRelay) kernelMode(network, row);
    else byPrograms(network, row);
  });
}

function byPrograms(network: () => Network, row: Row): void {
  // Where all is slow, packets of no special size are carried in the lab for everything alone.
  if (row.scope === 'everything' || PATIENCE === 1) carriage(network, row);
  unresolved(network, row);
  sizes(network, row);
  if (row.scope === 'sizes') return;
  between(network, row);
  marks(network, row);
  forgeries(network, row);
  mishaps(network, row);
  bystanders(network, row);
}
