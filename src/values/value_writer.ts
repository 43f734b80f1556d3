import { SnakedenError } from "../errors.ts";
import { type InputCollector, type InputSource, isInputSource } from "./input_source.ts";
import { byteLengthOf, dtypeOf, isDType, isShape, NdArray } from "./nd_array.ts";
import {
  FILE_KEY,
  isEscaped,
  isFloatName,
  isTagged,
  isUnserializable,
  TAG,
  type TaggedLeaf,
} from "./value_tags.ts";

/** The default of {@link WriteOptions.maxDepth}. */
export const DEFAULT_MAX_DEPTH = 200;

/** Options of {@link Value.from}. */
export interface WriteOptions {
  /** The deepest nesting of objects and arrays that is allowed; 200 if omitted. */
  readonly maxDepth?: number;
  /** The name of the root in error texts; `value` if omitted. */
  readonly name?: string;
  /**
   * Reads objects with the key `$snakeden` as tags with inline data, as HTTP requests have them,
   * instead of escaping them; false if omitted.
   */
  readonly inlineTags?: boolean;
  /** The buffers that tags may refer to by index, beside those that contain their data. */
  readonly buffers?: readonly Uint8Array[];
  /**
   * Makes the collector of input streams when the value has one. If omitted, streams are refused:
   * only the arguments of a call may have some.
   */
  readonly inputs?: () => InputCollector;
}

/**
 * Returns true if JSON.stringify alone writes the value exactly, which one quick walk finds out for
 * almost every call. Returning false is always safe: it only selects the slower
 * {@link ValueWriter}.
 */
export function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
      return value.isWellFormed();
    case "boolean":
      return true;
    case "number":
      return value < BEYOND_SAFE && value > -BEYOND_SAFE
        ? value !== 0 || !Object.is(value, -0)
        : isLargeFloat(value);
    case "object":
      return value === null || isPlainObject(value, depth - 1);
    default:
      return false;
  }
}

function isPlainObject(node: object, depth: number): boolean {
  if (depth < 0) return false;
  if (Array.isArray(node)) {
    // A subclass may have `toJSON()`, which JSON.stringify would call.
    if (Object.getPrototypeOf(node) !== Array.prototype || Object.hasOwn(node, "toJSON")) {
      return false;
    }
    for (let i = 0; i < node.length; i++) if (!isPlain(node[i], depth)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(node);
  if (prototype !== Object.prototype && prototype !== null) return false;
  // An input stream, which has no keys that JSON.stringify would see.
  if (Symbol.asyncIterator in node) return false;
  for (const key of Object.keys(node)) {
    if (key === TAG || !key.isWellFormed()) return false;
    if (!isPlain((node as Record<string, unknown>)[key], depth)) return false;
  }
  return true;
}

/** From this number on, not every whole number is a double. */
const BEYOND_SAFE = 2 ** 53;
/** From this number on, JSON.stringify writes an exponent, which Python reads as a float. */
const MIN_LARGE_FLOAT = 1e21;

/**
 * Returns true from 1e21 on. Smaller whole numbers are written as digits, which are exact only up
 * to 2^53.
 */
function isLargeFloat(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) >= MIN_LARGE_FLOAT;
}

function isPlainPrototype(node: object): boolean {
  const prototype = Object.getPrototypeOf(node);
  return prototype === Object.prototype || prototype === null;
}

/** Converts a value to a JSON tree with tags, and collects its buffers. */
export class ValueWriter {
  readonly buffers: Uint8Array[];
  readonly #maxDepth: number;
  readonly #name: string;
  readonly #inlineTags: boolean;
  readonly #given: readonly Uint8Array[];
  readonly #openInputs: WriteOptions["inputs"];
  #inputs: InputCollector | undefined;

  /** @param buffers The list to add buffers to, if several trees share one. */
  constructor(options: WriteOptions, buffers: Uint8Array[] = []) {
    this.buffers = buffers;
    this.#openInputs = options.inputs;
    this.#maxDepth = options.maxDepth ?? DEFAULT_MAX_DEPTH;
    this.#name = options.name ?? "value";
    this.#inlineTags = options.inlineTags ?? false;
    this.#given = options.buffers ?? [];
  }

  /** The input streams of the value; undefined if it has none. */
  get inputs(): InputCollector | undefined {
    return this.#inputs;
  }

  /**
   * Returns the tree of a value.
   *
   * @throws {SnakedenError} `invalid_value` for a value that cannot be sent; the text names its
   * path.
   */
  write(value: unknown): unknown {
    return this.#node(value, this.#name, 0) ?? null;
  }

  #node(value: unknown, path: string, depth: number): unknown {
    switch (typeof value) {
      case "string":
        return value.toWellFormed();
      case "boolean":
        return value;
      case "number":
        if (this.#inlineTags && !Number.isFinite(value)) {
          // JSON has no form for infinity, so the text had a literal such as 1e400.
          throw invalid(path, "the number is beyond the largest float, about 1.8e308");
        }
        return writeNumber(value);
      case "bigint":
        return writeBigInt(value);
      case "undefined":
        // As in JSON.stringify: an undefined field is omitted, an undefined element becomes null.
        return undefined;
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
    if (node instanceof NdArray) return this.#ndArray(node, path);
    if (ArrayBuffer.isView(node)) return this.#view(node, path);
    if (node instanceof ArrayBuffer || isSharedBuffer(node)) {
      return this.#bytes(bytesOf(node, path));
    }
    if (node instanceof Promise) {
      throw invalid(path, "a Promise cannot be sent to Python; an await may be missing");
    }
    if (node instanceof Set) return this.#object([...node], path, depth);
    if (node instanceof Map) return this.#fields([...node], path, depth);
    if (this.#inlineTags && isTagged(node)) return this.#inlineLeaf(node, path, depth);
    if (isInputSource(node)) return this.#input(node, path);
    if (node instanceof Date && Number.isNaN(node.getTime())) {
      throw invalid(path, "the date is invalid");
    }
    if ("toJSON" in node && typeof node.toJSON === "function") {
      return this.#node(node.toJSON(), path, depth);
    }
    if (BOXES.some((box) => node instanceof box)) return this.#node(node.valueOf(), path, depth);
    const entries = Object.entries(node);
    if (node instanceof Error || (entries.length === 0 && !isPlainPrototype(node))) {
      throw invalid(path, `a ${classOf(node)} cannot be sent to Python`);
    }
    return this.#fields(entries, path, depth);
  }

  #fields(entries: readonly [unknown, unknown][], path: string, depth: number): unknown {
    // Has no prototype, so that "__proto__" is a key like any other.
    const fields: Record<string, unknown> = Object.create(null);
    for (const [key, item] of entries) {
      const name = typeof key === "string" ? key.toWellFormed() : this.#key(key, path, depth);
      if (Object.hasOwn(fields, name)) {
        throw invalid(path, `two keys are both ${JSON.stringify(name)} as text`);
      }
      const field = this.#node(item, `${path}.${name}`, depth);
      if (field !== undefined) fields[name] = field;
    }
    return isTagged(fields) ? { [TAG]: "object", value: fields } : fields;
  }

  /**
   * Returns the text of a key of a Map. The key must be a value that is written as one text or
   * number.
   */
  #key(key: unknown, path: string, depth: number): string {
    const written = typeof key === "function" || typeof key === "symbol"
      ? undefined
      : this.#node(key, path, depth);
    if (typeof written === "object" && written !== null) {
      const { [TAG]: tag, value } = written as TaggedLeaf;
      if (tag === "int" || tag === "float") return String(value);
    } else if (written !== undefined) return String(written);
    throw invalid(path, `a key of type ${nameOf(key)} cannot be sent to Python`);
  }

  #ndArray({ dtype, shape, data }: NdArray, path: string): unknown {
    const bytes = bytesOf(data, path);
    const expected = byteLengthOf(dtype, shape);
    if (bytes.byteLength !== expected) {
      throw invalid(
        path,
        `an array ${dtype} of this shape takes ${expected} bytes, but its data has ${bytes.byteLength}`,
      );
    }
    return this.#array(dtype, shape, bytes);
  }

  #view(view: ArrayBufferView, path: string): unknown {
    const bytes = bytesOf(view, path);
    const dtype = dtypeOf(view);
    if (dtype === undefined || view instanceof Uint8Array) return this.#bytes(bytes);
    return this.#array(dtype, [(view as Float64Array).length], bytes);
  }

  #bytes(bytes: Uint8Array): unknown {
    return { [TAG]: "bytes", buffer: this.buffers.push(bytes) - 1 };
  }

  #array(dtype: string, shape: readonly number[], bytes: Uint8Array): unknown {
    return { [TAG]: "array", dtype, shape, buffer: this.buffers.push(bytes) - 1 };
  }

  #input(source: InputSource, path: string): unknown {
    if (this.#openInputs === undefined) {
      throw invalid(
        path,
        `this ${
          classOf(source)
        } is an input stream, and only the arguments of a call of a tool may ` +
          "have one",
      );
    }
    this.#inputs ??= this.#openInputs();
    return { [TAG]: "input", id: this.#inputs.add(source, path) };
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
        return this.#bytes(this.#dataOf(leaf, path));
      case "array":
        return this.#inlineArray(leaf, path);
      case "object":
        if (!isEscaped(leaf)) throw invalid(path, "the tag object needs a value that is an object");
        return this.#escaped(leaf.value, path, depth);
      case "unserializable":
        if (!isUnserializable(leaf)) throw invalid(path, "the tag unserializable needs a type");
        return { [TAG]: "unserializable", type: leaf.type };
      case "input":
        throw invalid(
          path,
          "the tag input has no form in JSON; name the parameter in `input`, in the query of " +
            "/v1/stream, whose body then is the stream, or in a call on /v1/socket",
        );
      default:
        throw invalid(
          path,
          `the tag ${JSON.stringify(leaf[TAG])} is unknown; ` +
            "known are int, float, bytes, array, object and unserializable",
        );
    }
  }

  /** Keeps the tag of an object that would name a file without it. */
  #escaped(value: object, path: string, depth: number): unknown {
    const fields = this.#fields(Object.entries(value), path, depth);
    return Object.hasOwn(value, FILE_KEY) && !Object.hasOwn(value, TAG)
      ? { [TAG]: "object", value: fields }
      : fields;
  }

  #inlineArray(leaf: TaggedLeaf, path: string): unknown {
    const { dtype, shape } = leaf;
    if (!isDType(dtype)) throw invalid(path, `the dtype ${JSON.stringify(dtype)} is unknown`);
    if (!isShape(shape)) {
      throw invalid(path, "the shape of an array is a list of up to 32 whole numbers");
    }
    const bytes = this.#dataOf(leaf, path);
    const expected = byteLengthOf(dtype, shape);
    if (bytes.byteLength !== expected) {
      throw invalid(
        path,
        `an array ${dtype} of this shape takes ${expected} bytes, but its data has ${bytes.byteLength}`,
      );
    }
    return this.#array(dtype, shape, bytes);
  }

  /** Returns the data of a tag: a buffer that was given with the tree, or what the tag contains. */
  #dataOf({ base64, buffer }: TaggedLeaf, path: string): Uint8Array {
    if (buffer === undefined) return decodeBase64(base64, path);
    const given = typeof buffer === "number" ? this.#given[buffer] : undefined;
    if (given !== undefined) return given;
    const count = this.#given.length;
    throw invalid(
      path,
      `its buffer is ${JSON.stringify(buffer)}; ` +
        (count === 0
          ? "no buffers came with it"
          : `the buffers have the numbers 0 to ${count - 1}`),
    );
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

/** Returns the current bytes of a buffer or a view, as a view of fixed length. */
function bytesOf(data: ArrayBufferLike | ArrayBufferView, path: string): Uint8Array {
  try {
    if (!ArrayBuffer.isView(data)) return new Uint8Array(data, 0, data.byteLength);
    // If the buffer became too small for a view, the view has length 0 without an error, but its
    // methods throw.
    if (!(data instanceof DataView)) (data as Uint8Array).at(0);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw invalid(path, "its buffer was transferred or made smaller");
  }
}

/** Pages of a browser have no SharedArrayBuffer unless they are isolated from other origins. */
function isSharedBuffer(node: object): node is SharedArrayBuffer {
  return typeof SharedArrayBuffer === "function" && node instanceof SharedArrayBuffer;
}

const BOXES = [Number, String, Boolean, BigInt];

function classOf(node: object): string {
  // The constructor of a generator object is a prototype, which has no name.
  return node.constructor?.name || Object.prototype.toString.call(node).slice(8, -1);
}

function nameOf(value: unknown): string {
  return typeof value === "object" && value !== null ? classOf(value) : typeof value;
}

function writeNumber(value: number): unknown {
  if (Number.isFinite(value) && !Object.is(value, -0)) {
    return Number.isSafeInteger(value) || !Number.isInteger(value) || isLargeFloat(value)
      ? value
      : { [TAG]: "int", value: String(BigInt(value)) };
  }
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
