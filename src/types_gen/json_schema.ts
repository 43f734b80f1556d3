import { isRecord } from "../json/mod.ts";

/** A JSON Schema (2020-12) that is an object. */
export type Schema = Readonly<Record<string, unknown>>;

/** The schema of the arguments or of the result of a tool: a schema with its definitions. */
export interface RootSchema {
  readonly schema: Schema;
  /** The named schemas of `$defs`, to which `$ref` refers. */
  readonly definitions: Schema;
}

/** The target of a `$ref`: a name in `$defs`, the root, or a place that cannot be followed. */
export type Reference =
  | { readonly kind: "definition"; readonly name: string }
  | { readonly kind: "root" }
  | { readonly kind: "unknown" };

/** Splits a schema from its definitions. */
export function rootSchema(schema: Schema): RootSchema {
  return { schema, definitions: recordOf(schema.$defs) };
}

/** Returns the value if it is an object, else an empty object. */
export function recordOf(value: unknown): Schema {
  return isRecord(value) ? value : {};
}

/** Returns the value if it is a list, else an empty list. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Returns the target of a `$ref` in a schema with these definitions. */
export function referenceOf(ref: unknown, definitions: Schema): Reference {
  if (ref === "#") return { kind: "root" };
  const prefix = "#/$defs/";
  if (typeof ref !== "string" || !ref.startsWith(prefix)) return { kind: "unknown" };
  const written = ref.slice(prefix.length);
  const name = [written, pointerText(written)].find((it) => Object.hasOwn(definitions, it));
  return name === undefined ? { kind: "unknown" } : { kind: "definition", name };
}

/** Decodes a part of a JSON pointer in the fragment of an address. */
function pointerText(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return part;
  }
}

/** Returns the names of the definitions that a schema refers to, at any depth and over others. */
export function reachableFrom(schema: unknown, definitions: Schema): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting: unknown[] = [schema];
  while (waiting.length > 0) {
    const node = waiting.pop();
    if (Array.isArray(node)) waiting.push(...node);
    if (!isRecord(node)) continue;
    const target = referenceOf(node.$ref, definitions);
    if (target.kind === "definition" && !reached.has(target.name)) {
      reached.add(target.name);
      waiting.push(definitions[target.name]);
    }
    // The root holds all definitions, also those that nothing refers to.
    for (const [key, it] of Object.entries(node)) if (key !== "$defs") waiting.push(it);
  }
  return reached;
}

/**
 * Returns true if a reference leads nowhere, or back to itself without an object or a list between:
 * no type can be written for it.
 */
export function isEndless(reference: Reference, { schema, definitions }: RootSchema): boolean {
  const keyOf = (it: Reference): string =>
    it.kind === "definition" ? `#/$defs/${it.name}` : it.kind;
  const start = keyOf(reference);
  const seen = new Set<string>();
  const waiting = [reference];
  for (let it = waiting.pop(); it !== undefined; it = waiting.pop()) {
    if (it.kind === "unknown") {
      if (it === reference) return true;
      continue;
    }
    const node = it.kind === "root" ? schema : definitions[it.name];
    for (const next of directReferences(node, definitions)) {
      const key = keyOf(next);
      if (key === start) return true;
      if (!seen.has(key)) waiting.push(next);
      seen.add(key);
    }
  }
  return false;
}

/** Returns the references of a schema that stand for the whole value. */
function directReferences(schema: unknown, definitions: Schema): Reference[] {
  const { $ref, anyOf, oneOf, allOf } = recordOf(schema);
  if ($ref !== undefined) return [referenceOf($ref, definitions)];
  return [anyOf, oneOf, allOf].flatMap((it) =>
    listOf(it).flatMap((inner) => directReferences(inner, definitions))
  );
}

/** Returns true for the tagged leaf of bytes or of an array; see docs/values.md. */
export function isTagged(schema: unknown, tag: "bytes" | "array"): boolean {
  return recordOf(recordOf(recordOf(schema).properties).$snakeden).const === tag;
}

/** Returns true for a schema of bytes: base64 text, the tagged leaf, or the choice of both. */
export function isBytes(schema: Schema): boolean {
  if (schema.contentEncoding === "base64" || isTagged(schema, "bytes")) return true;
  const choices = listOf(schema.anyOf);
  return choices.length > 0 && choices.every((it) => isBytes(recordOf(it)));
}

/** Returns true for the schema of a file: an object whose key names it. */
export function isFile(schema: Schema): boolean {
  return schema.title === "File" && recordOf(schema.properties).$file !== undefined;
}

/** Returns true for a schema of an array with a shape: the tagged leaf, or also lists. */
export function isNdArray(schema: Schema): boolean {
  return isTagged(schema, "array") ||
    (schema.title === "ndarray" && listOf(schema.anyOf).some((it) => isTagged(it, "array")));
}
