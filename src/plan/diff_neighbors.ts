/** What kernel mode keeps for each peer beside its route. */
import type { Op } from './op.ts';
import type { FdbEntry, Neighbor } from './routes.ts';

interface Ops {
  readonly write: readonly Op[];
  readonly remove: readonly Op[];
}

/** Thousands of entries are one op: one process carries them out. */
export function diffNeighbors(desired: readonly Neighbor[], observed: readonly Neighbor[]): Ops {
  const place = ({ device, address }: Neighbor) => `${device} ${address}`;
  const found = new Map(observed.map((entry) => [place(entry), entry.mac]));
  const wanted = new Set(desired.map(place));
  const write = desired.filter((entry) => found.get(place(entry)) !== entry.mac);
  const remove = observed.filter((entry) => !wanted.has(place(entry)));
  return {
    write: write.length > 0 ? [{ op: 'neighbors.write', neighbors: write }] : [],
    remove: remove.length > 0 ? [{ op: 'neighbors.remove', neighbors: remove }] : [],
  };
}

/** An entry is written over the one that its MAC has, so that a peer that moves is never without. */
export function diffFdb(desired: readonly FdbEntry[], observed: readonly FdbEntry[]): Ops {
  const place = ({ device, mac }: FdbEntry) => `${device} ${mac}`;
  const found = new Map(observed.map((entry) => [place(entry), entry.publicIp]));
  const wanted = new Set(desired.map(place));
  const write = desired.filter((entry) => found.get(place(entry)) !== entry.publicIp);
  const remove = observed.filter((entry) => !wanted.has(place(entry)));
  return {
    write: write.length > 0 ? [{ op: 'fdb.write', fdb: write }] : [],
    remove: remove.length > 0 ? [{ op: 'fdb.remove', fdb: remove }] : [],
  };
}
