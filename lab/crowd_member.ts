/**
 * A process that is several nodes, which join at once: `crowd_member.ts SPEC FIRST COUNT`, SPEC as in `store_at.ts`.
 * Each has a store of its own, and takes its lease as `tartan join` does. Prints `ready`, waits for a line, and prints for
 * each node `NUMBER SUBNET` or `NUMBER error MESSAGE`.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { acquireLease } from '../src/agent/acquire.ts';
import { messageOf, TartanError } from '../src/errors.ts';
import { parseConfig } from '../src/lease/config.ts';
import { formatIpv4 } from '../src/net/ipv4.ts';
import { formatPrefix } from '../src/net/prefix.ts';
import type { LeaseStore } from '../src/store/contract.ts';
import { openStoreAt } from './store_at.ts';

/** 172.16.0.0 */
const FIRST_ADDRESS = 0xac10_0000;

async function joinOne(store: LeaseStore, number: number): Promise<string> {
  const publicIp = formatIpv4(FIRST_ADDRESS + number);
  const hex = number.toString(16).padStart(4, '0');
  const vtepMac = `02:00:00:00:${hex.slice(0, 2)}:${hex.slice(2)}`;
  const vxlan = { vni: 1, vtepMac };
  const config = await store.readConfig();
  if (config === null) throw new TartanError('CONFIG_MISSING', 'no config', 'Write one first.');
  const { lease } = await acquireLease({
    store,
    publicIp,
    vtepMac,
    config: parseConfig(config.text),
    previousSubnet: null,
    renewMarginSeconds: 3600,
    offer: () => ({ publicIp, publicIpv6: null, backendType: 'vxlan', vxlan }),
    clocks: { now: Date.now, elapsed: () => performance.now() },
  });
  return formatPrefix(lease.subnet);
}

const [spec = '', first, count] = process.argv.slice(2);
const numbers = Array.from({ length: Number(count) }, (_, index) => Number(first) + index);
const stores = await Promise.all(numbers.map(() => openStoreAt(spec)));
writeSync(1, 'ready\n');
await once(process.stdin, 'data');
await Promise.all(
  numbers.map(async (number, index) => {
    const outcome = await joinOne(stores[index] as LeaseStore, number).catch(
      (error: unknown) => `error ${messageOf(error)}`,
    );
    writeSync(1, `${number} ${outcome}\n`);
  }),
);
for (const store of stores) await store.close();
process.stdin.destroy();
