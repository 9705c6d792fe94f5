/** The fields of a JSON object by lower-case name, as Go's encoding/json finds them: in any case, the last one wins. */
export type JsonFields = ReadonlyMap<string, unknown>;

/** The fields of a parsed JSON value; null if it is no object. */
export function fieldsOf(value: unknown): JsonFields | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]));
}
