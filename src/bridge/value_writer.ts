import { SnakedenError } from "../errors.ts";
import { byteLengthOf, dtypeOf, isDType, isShape, NdArray } from "./nd_array.ts";
import {
  isEscaped,
  isFloatName,
  isTagged,
  isUnserializable,
  TAG,
  type TaggedLeaf,
} from "./value_tags.ts";

/** How deep a tree may be nested when nothing else is said. */
export const DEFAULT_MAX_DEPTH = 200;

/** How a value is written. */
export interface WriteOptions {
  /** Levels of nesting allowed. Default {@link DEFAULT_MAX_DEPTH}. */
  readonly maxDepth?: number;
  /** Name of the root in error texts. Default `value`. */
  readonly name?: string;
  /** Read objects with the key `$snakeden` as tags with inline data, as HTTP sends them, instead of escaping them. */
  readonly inlineTags?: boolean;
}

/**
 * True when JSON.stringify alone writes the value exactly: one quick walk that decides for almost every call.
 * A false answer is always safe, it only costs the slow way.
 */
export function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
      return value.isWellFormed();
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && (value !== 0 || !Object.is(value, -0));
    case "object":
      return value === null || isPlainObject(value, depth - 1);
    default:
      return false;
  }
}

function isPlainObject(node: object, depth: number): boolean {
  if (depth < 0) return false;
  if (Array.isArray(node)) {
    // A subclass may have a toJSON, which JSON.stringify would call.
    if (Object.getPrototypeOf(node) !== Array.prototype || Object.hasOwn(node, "toJSON")) {
      return false;
    }
    for (let i = 0; i < node.length; i++) if (!isPlain(node[i], depth)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(node);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key of Object.keys(node)) {
    if (key === TAG || !key.isWellFormed()) return false;
    if (!isPlain((node as Record<string, unknown>)[key], depth)) return false;
  }
  return true;
}

function isPlainPrototype(node: object): boolean {
  const prototype = Object.getPrototypeOf(node);
  return prototype === Object.prototype || prototype === null;
}

/** Turns any value into a JSON tree with tags, and collects the buffers. */
export class ValueWriter {
  readonly buffers: Uint8Array[] = [];
  readonly #maxDepth: number;
  readonly #name: string;
  readonly #inlineTags: boolean;

  constructor(options: WriteOptions) {
    this.#maxDepth = options.maxDepth ?? DEFAULT_MAX_DEPTH;
    this.#name = options.name ?? "value";
    this.#inlineTags = options.inlineTags ?? false;
  }

  /** @throws {SnakedenError} `invalid_value`, naming the place, for what cannot travel. */
  write(value: unknown): unknown {
    return this.#node(value, this.#name, 0);
  }

  #node(value: unknown, path: string, depth: number): unknown {
    switch (typeof value) {
      case "string":
        return value.toWellFormed();
      case "boolean":
        return value;
      case "number":
        return writeNumber(value);
      case "bigint":
        return writeBigInt(value);
      case "undefined":
        return null;
      case "object":
        return value === null ? null : this.#object(value, path, depth + 1);
      default:
        throw invalid(path, `a ${typeof value} cannot be sent to Python`);
    }
  }

  #object(node: object, path: string, depth: number): unknown {
    if (depth > this.#maxDepth) {
      throw invalid(this.#name, `it is nested deeper than ${this.#maxDepth} levels`);
    }
    if (Array.isArray(node)) {
      return Array.from(node, (it, i) => this.#node(it, `${path}[${i}]`, depth));
    }
    if (node instanceof NdArray) return this.#array(node.dtype, node.shape, node.data);
    if (ArrayBuffer.isView(node)) return this.#view(node);
    if (node instanceof ArrayBuffer || node instanceof SharedArrayBuffer) {
      return this.#bytes(new Uint8Array(node));
    }
    if (node instanceof Promise) {
      throw invalid(path, "a Promise cannot be sent to Python; an await may be missing");
    }
    if (node instanceof Set) return this.#object([...node], path, depth);
    if (node instanceof Map) return this.#fields([...node], path, depth);
    if (this.#inlineTags && isTagged(node)) return this.#inlineLeaf(node, path, depth);
    if (node instanceof Date && Number.isNaN(node.getTime())) {
      throw invalid(path, "the date is invalid");
    }
    if ("toJSON" in node && typeof node.toJSON === "function") {
      return this.#node(node.toJSON(), path, depth);
    }
    const entries = Object.entries(node);
    if (entries.length === 0 && !isPlainPrototype(node)) {
      throw invalid(path, `a ${node.constructor?.name ?? "class"} cannot be sent to Python`);
    }
    return this.#fields(entries, path, depth);
  }

  #fields(entries: readonly [unknown, unknown][], path: string, depth: number): unknown {
    // Without a prototype, so that a key "__proto__" is a field like any other.
    const fields: Record<string, unknown> = Object.create(null);
    for (const [key, item] of entries) {
      if (typeof key !== "string" && typeof key !== "number") {
        throw invalid(path, `a key of type ${typeof key} cannot be sent to Python`);
      }
      if (item !== undefined) {
        fields[String(key).toWellFormed()] = this.#node(item, `${path}.${key}`, depth);
      }
    }
    return isTagged(fields) ? { [TAG]: "object", value: fields } : fields;
  }

  #view(view: ArrayBufferView): unknown {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const dtype = dtypeOf(view);
    if (dtype === undefined || view instanceof Uint8Array) return this.#bytes(bytes);
    return this.#array(dtype, [(view as Float64Array).length], view);
  }

  #bytes(bytes: Uint8Array): unknown {
    return { [TAG]: "bytes", buffer: this.buffers.push(bytes) - 1 };
  }

  #array(dtype: string, shape: readonly number[], data: ArrayBufferView): unknown {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { [TAG]: "array", dtype, shape, buffer: this.buffers.push(bytes) - 1 };
  }

  #inlineLeaf(leaf: TaggedLeaf, path: string, depth: number): unknown {
    switch (leaf[TAG]) {
      case "int":
        if (typeof leaf.value === "string" && /^-?\d{1,10000}$/.test(leaf.value)) {
          return { [TAG]: "int", value: leaf.value.replace(/^(-?)0+(?=\d)/, "$1") };
        }
        throw invalid(path, "the tag int needs a value of up to 10000 decimal digits in a string");
      case "float":
        if (isFloatName(leaf.value)) return { [TAG]: "float", value: leaf.value };
        throw invalid(path, 'the tag float needs the value "NaN", "Infinity", "-Infinity" or "-0"');
      case "bytes":
        return this.#bytes(decodeBase64(leaf.base64, path));
      case "array":
        return this.#inlineArray(leaf, path);
      case "object":
        if (!isEscaped(leaf)) throw invalid(path, "the tag object needs a value that is an object");
        return this.#fields(Object.entries(leaf.value), path, depth);
      case "unserializable":
        if (!isUnserializable(leaf)) throw invalid(path, "the tag unserializable needs a type");
        return { [TAG]: "unserializable", type: leaf.type };
      default:
        throw invalid(
          path,
          `the tag ${JSON.stringify(leaf[TAG])} is unknown; ` +
            "known are int, float, bytes, array, object and unserializable",
        );
    }
  }

  #inlineArray({ dtype, shape, base64 }: TaggedLeaf, path: string): unknown {
    if (!isDType(dtype)) throw invalid(path, `the dtype ${JSON.stringify(dtype)} is unknown`);
    if (!isShape(shape)) {
      throw invalid(path, "the shape of an array is a list of up to 32 whole numbers");
    }
    const bytes = decodeBase64(base64, path);
    const expected = byteLengthOf(dtype, shape);
    if (bytes.byteLength !== expected) {
      throw invalid(
        path,
        `an array ${dtype} of this shape takes ${expected} bytes, base64 holds ${bytes.byteLength}`,
      );
    }
    return this.#array(dtype, shape, bytes);
  }
}

function decodeBase64(text: unknown, path: string): Uint8Array {
  if (typeof text !== "string") throw invalid(path, "its base64 is missing, or not a text");
  try {
    return Uint8Array.fromBase64(text);
  } catch (error) {
    throw invalid(path, `its base64 cannot be read (${(error as Error).message})`);
  }
}

function writeNumber(value: number): unknown {
  if (Number.isFinite(value) && !Object.is(value, -0)) return value;
  return { [TAG]: "float", value: Object.is(value, -0) ? "-0" : String(value) };
}

function writeBigInt(value: bigint): unknown {
  const small = value >= BigInt(Number.MIN_SAFE_INTEGER) &&
    value <= BigInt(Number.MAX_SAFE_INTEGER);
  return small ? Number(value) : { [TAG]: "int", value: String(value) };
}

function invalid(path: string, problem: string): SnakedenError {
  return new SnakedenError("invalid_value", `Cannot send ${path}: ${problem}`, {
    details: { path },
  });
}
