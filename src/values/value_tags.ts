/**
 * The tags for values that JSON has no form for; docs/values.md describes them. On the link a tag
 * refers to a buffer by its index. Over HTTP a tag contains the bytes as base64.
 */
import { SnakedenError } from "../errors.ts";
import { isRecord } from "../json/mod.ts";

/** The key of a tag: an object that has it is a tagged leaf. */
export const TAG = "$snakeden";

/** The key of an object that names a file by its id. Twin of file.py. */
export const FILE_KEY = "$file";

/** A tagged leaf of a parsed tree. Its fields depend on the tag. */
export interface TaggedLeaf {
  readonly [TAG]: string;
  readonly value?: unknown;
  readonly buffer?: unknown;
  readonly base64?: unknown;
  readonly dtype?: unknown;
  readonly shape?: unknown;
  readonly type?: unknown;
}

/** A marker for a Python value that cannot be serialized. It has only the name of its type. */
export interface Unserializable {
  /** The tag. */
  readonly [TAG]: "unserializable";
  /** The qualified name, such as `_io.TextIOWrapper`. */
  readonly type: string;
}

/** Returns true for a tagged leaf. */
export function isTagged(node: object): node is TaggedLeaf {
  return Object.hasOwn(node, TAG);
}

/** Returns true for the marker of a Python value that cannot be serialized. */
export function isUnserializable(value: unknown): value is Unserializable {
  return typeof value === "object" && value !== null && isTagged(value) &&
    value[TAG] === "unserializable" && typeof value.type === "string";
}

/** The numbers that JSON has no form for. */
const FLOAT_NAMES: ReadonlySet<unknown> = new Set(["NaN", "Infinity", "-Infinity", "-0"]);

/** Returns true for a value that the tag `float` allows. */
export function isFloatName(value: unknown): value is string {
  return FLOAT_NAMES.has(value);
}

/** Returns true if the value of a tag `object` is an object. */
export function isEscaped(leaf: TaggedLeaf): leaf is TaggedLeaf & { readonly value: object } {
  return isRecord(leaf.value);
}

/** Returns the error for a leaf that breaks the rules of its tag. */
export function malformedTag(leaf: TaggedLeaf): SnakedenError {
  const text = JSON.stringify(leaf);
  return new SnakedenError(
    "invalid_value",
    `Cannot read a value from Python: malformed tag ${
      text.length > 200 ? `${text.slice(0, 200)}…` : text
    }`,
  );
}

/** The functions that return the replacement of a tagged leaf, one a tag. */
export interface TagReader {
  readonly int: (digits: string) => unknown;
  readonly float: (name: string) => unknown;
  readonly bytes: (leaf: TaggedLeaf) => unknown;
  readonly array: (leaf: TaggedLeaf) => unknown;
  /**
   * For an object of the user with the key `$snakeden`. The tags in `fields` are already replaced.
   */
  readonly object: (fields: object) => unknown;
}

/**
 * Replaces every tagged leaf of a parsed tree in place. Returns the root.
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

/** A whole number in JSON. HTTP responses contain these digits unchanged. */
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
