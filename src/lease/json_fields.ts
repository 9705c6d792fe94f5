/** The fields of a JSON object by lower-case name, as Go's encoding/json finds them: in any case, the last one wins. */
export type JsonFields = ReadonlyMap<string, unknown>;

/** The fields of a parsed JSON value; null if it is no object. */
export function fieldsOf(value: unknown): JsonFields | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const fields = new Map<string, unknown>();
  for (const name of Object.keys(value)) {
    fields.set(name.toLowerCase(), (value as Readonly<Record<string, unknown>>)[name]);
  }
  return fields;
}
