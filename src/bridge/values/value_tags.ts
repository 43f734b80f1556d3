/**
 * The tags that carry in a JSON tree what JSON itself cannot; docs/values.md describes them. On the
 * link buffers are referred to by index, over HTTP they are inline as base64.
 */
import { SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";

/** The key that marks a tagged leaf. */
export const TAG = "$snakeden";

/** A leaf as it stands in a parsed tree; which fields are there depends on the tag. */
export interface TaggedLeaf {
  readonly [TAG]: string;
  readonly value?: unknown;
  readonly buffer?: unknown;
  readonly base64?: unknown;
  readonly dtype?: unknown;
  readonly shape?: unknown;
  readonly type?: unknown;
}

/** What Python had and could not serialize: only the name of its type. */
export interface Unserializable {
  readonly [TAG]: "unserializable";
  /** Qualified name, such as `_io.TextIOWrapper`. */
  readonly type: string;
}

/** True for an object that holds a tag. */
export function isTagged(node: object): node is TaggedLeaf {
  return Object.hasOwn(node, TAG);
}

/** True for the marker of something that Python could not serialize. */
export function isUnserializable(value: unknown): value is Unserializable {
  return typeof value === "object" && value !== null && isTagged(value) &&
    value[TAG] === "unserializable" && typeof value.type === "string";
}

/** The numbers that JSON has no word for. */
const FLOAT_NAMES: ReadonlySet<unknown> = new Set(["NaN", "Infinity", "-Infinity", "-0"]);

/** True for what may stand in the tag `float`. */
export function isFloatName(value: unknown): value is string {
  return FLOAT_NAMES.has(value);
}

/** True when the escape of a user's object holds one. */
export function isEscaped(leaf: TaggedLeaf): leaf is TaggedLeaf & { readonly value: object } {
  return isRecord(leaf.value);
}

/** The error for a leaf that breaks the rules of its tag. */
export function malformedTag(leaf: TaggedLeaf): SnakedenError {
  const text = JSON.stringify(leaf);
  return new SnakedenError(
    "invalid_value",
    `Cannot read a value from Python: malformed tag ${
      text.length > 200 ? `${text.slice(0, 200)}…` : text
    }`,
  );
}

/** What a walk replaces a tagged leaf by: one function a tag. */
export interface TagReader {
  readonly int: (digits: string) => unknown;
  readonly float: (name: string) => unknown;
  readonly bytes: (leaf: TaggedLeaf) => unknown;
  readonly array: (leaf: TaggedLeaf) => unknown;
  /**
   * The escape of a user's object that has the key of the tags itself; `fields` are walked already.
   */
  readonly object: (fields: object) => unknown;
}

/**
 * Replaces every tagged leaf of a parsed tree, in place; returns the root.
 *
 * @throws {SnakedenError} `invalid_value` for a tag that breaks its rules.
 */
export function readTags(node: unknown, reader: TagReader): unknown {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) {
    for (let i = 0; i < node.length; i++) {
      const item = node[i];
      if (typeof item === "object" && item !== null) node[i] = readTags(item, reader);
    }
    return node;
  }
  if (isTagged(node)) return readLeaf(node, reader);
  return readFields(node, reader);
}

function readFields(node: object, reader: TagReader): object {
  const fields = node as Record<string, unknown>;
  for (const key of Object.keys(fields)) {
    const item = fields[key];
    if (typeof item === "object" && item !== null) fields[key] = readTags(item, reader);
  }
  return node;
}

/** What JSON takes for a whole number, since HTTP gets the digits as they are. */
const DIGITS = /^-?(0|[1-9]\d*)$/;

function readLeaf(leaf: TaggedLeaf, reader: TagReader): unknown {
  switch (leaf[TAG]) {
    case "int":
      if (typeof leaf.value !== "string" || !DIGITS.test(leaf.value)) throw malformedTag(leaf);
      return reader.int(leaf.value);
    case "float":
      if (!isFloatName(leaf.value)) throw malformedTag(leaf);
      return reader.float(leaf.value);
    case "bytes":
      return reader.bytes(leaf);
    case "array":
      return reader.array(leaf);
    case "object":
      if (!isEscaped(leaf)) throw malformedTag(leaf);
      return reader.object(readFields(leaf.value, reader));
    default:
      if (!isUnserializable(leaf)) throw malformedTag(leaf);
      return leaf;
  }
}
