/** What must hold, whatever happens. */
import { decodeAttributes } from '../../src/lease/codec.ts';
import type { LeaseAttributes } from '../../src/lease/lease.ts';
import { ownsLease } from '../../src/lease/ownership.ts';
import { formatPrefix } from '../../src/net/prefix.ts';
import { find, keyOf, type ModelStore, snapshot } from './store.ts';
import type { NodeState, World } from './world.ts';

/** Always. */
export function flawsOf({ store, nodes, reserved }: World): string[] {
  const flaws: string[] = [];
  for (const key of reserved) {
    const entry = find(store, key);
    if (entry === null) flaws.push(`the reservation ${key} is gone`);
    else if (entry.endsAt !== null) flaws.push(`the reservation ${key} has got an end`);
  }
  for (const node of nodes) {
    if (!node.contact || node.held === null || ownsInStore(store, node)) continue;
    const subnet = formatPrefix(node.held.lease.subnet);
    flaws.push(`${node.name} kept contact, and the store does not know its lease of ${subnet}`);
  }
  return flaws;
}

/** When all who are in contact have done what they had to do, and heard what there was to hear. */
export function flawsAtRest({ store, nodes }: World): string[] {
  const flaws: string[] = [];
  for (const node of nodes.filter(({ up, connected }) => up && connected)) {
    const { name, held, lost, view } = node;
    if (held === null || lost) continue;
    // Without a watch it learns of a loss the next time that it joins.
    if (view !== null && !ownsInStore(store, node)) {
      flaws.push(
        `${name} takes ${formatPrefix(held.lease.subnet)} for its own, the store does not`,
      );
    }
    if (view === null) continue;
    const known = describe(view.table);
    const true_ = describe(snapshot(store));
    if (known !== true_) flaws.push(`${name} knows of ${known}; the store has ${true_}`);
  }
  return flaws;
}

function describe({ leases }: ReturnType<typeof snapshot>): string {
  const lines = leases.map(
    ({ subnet, attributes, revision }) =>
      `${formatPrefix(subnet)} of ${attributes.publicIp} (revision ${revision})`,
  );
  return lines.toSorted().join(', ') || 'nothing';
}

/** By what it publishes, or has published and may find there still. */
function ownsInStore(store: ModelStore, { held, publicIp, grants }: NodeState): boolean {
  if (held === null) return false;
  const key = keyOf(held.lease.subnet);
  const entry = find(store, key);
  if (entry === null) return false;
  const attributes = decode(entry.value);
  const found = { ...held.lease, attributes };
  const { vxlan } = held.lease.attributes;
  if (ownsLease(found, held.lease.attributes) || ownsLease(found, { publicIp, vxlan })) return true;
  return grants.some((granted) => granted.key === key && attributes.publicIp === publicIp);
}

const decoded = new Map<string, LeaseAttributes>();

function decode(value: string): LeaseAttributes {
  const known = decoded.get(value) ?? decodeAttributes(value);
  decoded.set(value, known);
  return known;
}
