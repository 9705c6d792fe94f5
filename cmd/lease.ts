#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
import { release, reserve, showLease } from '../src/agent/lease.ts';
import { listLeases, ownAddresses } from '../src/agent/lease_rows.ts';
import { leaseRows } from '../src/cli/lease_table.ts';
import { readLeaseWords } from '../src/cli/lease_words.ts';
import { formatTable } from '../src/cli/table.ts';
import { print, runCommand } from './process.ts';
import { openStore, placesOf } from './wire.ts';

export function main(argv: readonly string[]): Promise<never> {
  return runCommand('lease', argv, async (context) => {
    const { options, log } = context;
    const request = readLeaseWords(context.words);
    const store = await openStore(context);
    const world = { store, log, own: await ownAddresses(placesOf(options)) };
    switch (request.action) {
      case 'list': {
        const found = await listLeases(store, world.own);
        if (options.json) return found;
        await print(`${formatTable(leaseRows(found, Date.now()))}\n`);
        return null;
      }
      case 'show':
        return showLease(world, request.subnet);
      case 'reserve':
        return reserve(world, request.subnet, request.publicIp);
      case 'release':
        return release(world, request.subnet, options.force);
    }
  });
}

if (import.meta.main) await main(process.argv.slice(2));
