/** Flat objects, compared by their values. */
export function difference<T extends object>(desired: readonly T[], observed: readonly T[]) {
  const key = (item: T) => JSON.stringify(Object.entries(item).sort());
  const wanted = new Set(desired.map(key));
  const present = new Set(observed.map(key));
  return {
    missing: desired.filter((item) => !present.has(key(item))),
    surplus: observed.filter((item) => !wanted.has(key(item))),
  };
}
