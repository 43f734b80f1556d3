import { messageOf, SnakedenError } from "../../errors.ts";
import type { Value as WireValue, ValueInit } from "../gen/link.js";
import {
  byteLengthOf,
  DEFAULT_MAX_DEPTH,
  type DType,
  hasTypedArray,
  type InputCollector,
  isDType,
  isPlain,
  isShape,
  malformedTag,
  NdArray,
  readTags,
  TAG,
  type TaggedLeaf,
  type TagReader,
  ValueWriter,
  viewElements,
  type WriteOptions,
} from "../../values/mod.ts";
import { TextValue } from "./text_value.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// Part of V8 since 2023 and of ECMAScript 2026, but not yet of TypeScript's library.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * The bytes that a frame adds to a value, so that an empty chunk has a weight. Twin of streams.py.
 */
const WEIGHT_OVERHEAD_BYTES = 64;

/** The longest text of one leaf: an array of 32 dimensions. */
export const MAX_LEAF_CHARS = 1_024;

/** The bytes of a value that is bytes or an array. */
export interface RawBytes {
  readonly bytes: Uint8Array;
  /** The type and the shape of an array. */
  readonly dtype?: DType;
  readonly shape?: readonly number[];
}

/** Files that are on this machine for as long as somebody holds them. */
export interface HeldFiles {
  /** The value as it was given, without places. */
  readonly given: Value;
  /** Keeps the files until {@link HeldFiles.release}. */
  hold(): void;
  /** Lets the files go if nobody else holds them. */
  release(): void;
}

/**
 * An encoded value between TypeScript and Python: a JSON tree and out-of-band buffers. It stays
 * encoded until somebody reads it, so that HTTP can pass on the JSON that Python wrote, unparsed.
 */
export class Value {
  /** The received value, or one that {@link FrameWriter} will encode. */
  readonly content: WireValue | TextValue;
  /** The files that it refers to by their places on this machine; undefined if there are none. */
  readonly files: HeldFiles | undefined;

  /** Wraps encoded content; {@link Value.from} encodes a plain value. */
  constructor(content: ValueInit | TextValue, files?: HeldFiles) {
    this.files = files;
    this.content = content instanceof TextValue ? content : {
      json: content.json ?? NULL_JSON,
      tagged: content.tagged ?? false,
      buffers: (content.buffers ?? []) as Uint8Array[],
      shared: [],
    };
  }

  /** The value as the generated codec takes it. */
  get wire(): WireValue {
    const { content } = this;
    if (!(content instanceof TextValue)) return content;
    const { text, tagged, buffers, shared } = content;
    return { json: encoder.encode(text), tagged, buffers: [...buffers], shared: [...shared] };
  }

  /**
   * Encodes a value: JSON types, bigint, Date and other objects with `toJSON()`, Map, Set,
   * ArrayBuffer, TypedArrays and {@link NdArray}. Buffers are not copied before they are sent, so
   * do not write to them until the call has been answered.
   *
   * @throws {SnakedenError} `invalid_value` for functions, symbols, and values that are nested too
   * deep; the text names the path.
   */
  static from(value: unknown, options: WriteOptions = {}): Value {
    if (isPlain(value, options.maxDepth ?? DEFAULT_MAX_DEPTH)) {
      return new Value(new TextValue(JSON.stringify(value), false, NO_BUFFERS));
    }
    const writer = new ValueWriter(options);
    const tree = writer.write(value);
    return new Value(
      new TextValue(JSON.stringify(tree), true, writer.buffers, undefined, writer.inputs),
    );
  }

  /**
   * Encodes a tree that came as JSON over HTTP, whose tags contain their data.
   *
   * @throws {SnakedenError} `invalid_value` for a tag that cannot be read; the text names the path.
   */
  static fromJsonTree(tree: unknown, options: WriteOptions = {}): Value {
    return Value.from(tree, { ...options, inlineTags: true });
  }

  /**
   * Wraps bytes, or an array with a type and a shape, which are not copied. Inverse of
   * {@link Value.raw}.
   */
  static fromRaw({ bytes, dtype, shape }: RawBytes): Value {
    const tag = dtype === undefined
      ? { [TAG]: "bytes", buffer: 0 }
      : { [TAG]: "array", dtype, shape, buffer: 0 };
    return new Value(new TextValue(JSON.stringify(tag), true, [bytes]));
  }

  /**
   * Returns the object with further fields of bytes, which are not copied: one buffer, or a list of
   * buffers. The value must be an object without these fields.
   */
  withBytes(fields: ReadonlyMap<string, Uint8Array | readonly Uint8Array[]>): Value {
    const buffers = [...this.content.buffers];
    const tag = (bytes: Uint8Array): string =>
      `{"${TAG}":"bytes","buffer":${buffers.push(bytes) - 1}}`;
    const texts = [...fields].map(([name, it]) =>
      `${JSON.stringify(name)}:${it instanceof Uint8Array ? tag(it) : `[${it.map(tag)}]`}`
    );
    return new Value(new TextValue(this.#textWith(texts), true, buffers));
  }

  /**
   * Returns the object with a further field that is an input stream. The value must be an object
   * without this field, and without input streams.
   */
  withInput(name: string, id: number, inputs: InputCollector): Value {
    const { buffers, shared } = this.content;
    const text = this.#textWith([`${JSON.stringify(name)}:{"${TAG}":"input","id":${id}}`]);
    return new Value(new TextValue(text, true, buffers, shared, inputs));
  }

  /**
   * Returns the object with those fields of `defaults` that it does not have. Both are objects, and
   * `defaults` has no buffers.
   *
   * @throws {SnakedenError} `invalid_value` if one of them has the key `$snakeden`.
   */
  withDefaults(defaults: Value): Value {
    const { tagged, buffers, shared } = this.content;
    const own = fieldsText(this.text);
    const others = fieldsText(defaults.text);
    if (others === "") return this;
    // Every reader of JSON here takes the last one of two fields with the same name.
    const text = own === "" ? `{${others}}` : `{${others},${own}}`;
    return new Value(
      new TextValue(text, tagged || defaults.content.tagged, buffers, shared, this.inputs),
    );
  }

  /**
   * The bytes of a value that is bytes or an array; undefined for any other value. The bytes are
   * not copied, so do not change them.
   */
  get raw(): RawBytes | undefined {
    const { tagged, buffers } = this.content;
    if (!tagged || buffers.length !== 1) return undefined;
    const text = this.text;
    const [bytes] = buffers;
    const leaf = bytes && rawLeaf(text, bytes.byteLength);
    return bytes && leaf && { bytes, ...leaf };
  }

  /**
   * The value as JSON text whose tags refer to its buffers by index. Nothing is parsed or copied.
   * {@link Value.fromJsonTree} reads it again.
   */
  get parts(): { readonly text: string; readonly buffers: readonly Uint8Array[] } {
    return { text: this.text, buffers: this.content.buffers };
  }

  /** The bytes that the value counts for in the window of a stream. */
  get weight(): number {
    return weightOf(this.content);
  }

  /**
   * Decodes the value. Python's `bytes` become a Uint8Array. A one-dimensional array becomes the
   * TypedArray of its type, any other array an {@link NdArray}. Integers beyond 2^53 become a
   * bigint.
   *
   * @throws {SnakedenError} `invalid_value` for a value that no worker of this version sends.
   */
  decode(): unknown {
    const { tagged, buffers } = this.content;
    const tree = parse(this.text);
    return tagged ? readTags(tree, decodeReader(buffers)) : tree;
  }

  /**
   * Returns the value as JSON text for HTTP: big integers as plain digits, buffers inline as
   * base64.
   */
  jsonText(): string {
    const { tagged, buffers } = this.content;
    const text = this.text;
    if (!tagged) return text;
    return JSON.stringify(readTags(parse(text, keepSpelling), inlineReader(buffers)));
  }

  /** The JSON text of the tree, with its tags. */
  get text(): string {
    const { content } = this;
    return content instanceof TextValue ? content.text : decoder.decode(content.json);
  }

  /** The input streams of the arguments of a call; undefined if there are none. */
  get inputs(): InputCollector | undefined {
    const { content } = this;
    return content instanceof TextValue ? content.inputs : undefined;
  }

  /** The value before its files got their places, which differ from call to call. */
  get given(): Value {
    return this.files?.given ?? this;
  }

  /**
   * Parses the tree with its tags. Numbers keep their spelling when it is written again.
   *
   * @throws {SnakedenError} `invalid_value` if it is not JSON.
   */
  tree(): unknown {
    return parse(this.text, keepSpelling);
  }

  /** Returns the text of the object with further fields, each written as `"name":value`. */
  #textWith(fields: readonly string[]): string {
    const rest = fieldsText(this.text);
    return `{${rest === "" ? fields : [...fields, rest]}}`;
  }
}

/**
 * Returns what the JSON of a tagged value with one buffer says about it; undefined if the value is
 * not the buffer alone.
 */
export function rawLeaf(text: string, byteLength: number): Omit<RawBytes, "bytes"> | undefined {
  if (text.length > MAX_LEAF_CHARS) return undefined;
  const leaf = parse(text) as TaggedLeaf;
  if (leaf.buffer !== 0) return undefined;
  if (leaf[TAG] === "bytes") return {};
  const { dtype, shape } = leaf;
  if (leaf[TAG] !== "array" || !isDType(dtype) || !isShape(shape)) return undefined;
  return byteLength === byteLengthOf(dtype, shape) ? { dtype, shape } : undefined;
}

/** Returns {@link Value.weight}, without what is in shared memory. */
export function weightOf(content: WireValue | TextValue): number {
  // An estimate is enough for a value of our own, since nobody credits it.
  const length = content instanceof TextValue ? content.length : content.json.byteLength;
  let bytes = length + WEIGHT_OVERHEAD_BYTES;
  for (const buffer of content.buffers) bytes += buffer.byteLength;
  return bytes;
}

/**
 * Keeps whole numbers as Python wrote them. JSON.stringify would drop the sign of -0, turn 1.0 into
 * an integer, and write floats from 2^53 on with inexact digits.
 */
function keepSpelling(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return Number.isInteger(value) && source !== undefined && source !== String(value)
    ? rawJSON(source)
    : value;
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

// The third argument of a reviver is part of ECMAScript 2026, but not yet of TypeScript's library.
const parseWithSource = JSON.parse as (text: string, reviver?: Reviver) => unknown;

function parse(text: string, reviver?: Reviver): unknown {
  try {
    return parseWithSource(text, reviver);
  } catch (error) {
    throw new SnakedenError(
      "invalid_value",
      `Cannot read a value from Python: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Returns the text of an object without its braces. */
function fieldsText(text: string): string {
  const fields = text.trim().slice(1, -1).trim();
  if (!fields.startsWith(`"${TAG}"`)) return fields;
  throw new SnakedenError(
    "invalid_value",
    `Cannot complete an object with the key ${TAG} by fields of another one`,
  );
}

const NO_BUFFERS: readonly Uint8Array[] = [];
const NULL_JSON = encoder.encode("null");

function decodeReader(buffers: readonly Uint8Array[]): TagReader {
  return {
    int: BigInt,
    float: Number,
    bytes: (leaf) => bufferOf(leaf, buffers),
    array: (leaf) => {
      const { dtype, shape, bytes } = arrayOf(leaf, buffers);
      const data = viewElements(dtype, bytes);
      return shape.length === 1 && hasTypedArray(dtype) ? data : new NdArray(dtype, shape, data);
    },
    object: (fields) => fields,
  };
}

function inlineReader(buffers: readonly Uint8Array[]): TagReader {
  return {
    int: (digits) => rawJSON(digits),
    float: (name) => ({ [TAG]: "float", value: name }),
    bytes: (leaf) => ({ [TAG]: "bytes", base64: bufferOf(leaf, buffers).toBase64() }),
    array: (leaf) => {
      const { dtype, shape, bytes } = arrayOf(leaf, buffers);
      return { [TAG]: "array", dtype, shape, base64: bytes.toBase64() };
    },
    object: (fields) => ({ [TAG]: "object", value: fields }),
  };
}

function bufferOf(leaf: TaggedLeaf, buffers: readonly Uint8Array[]): Uint8Array {
  const buffer = typeof leaf.buffer === "number" ? buffers[leaf.buffer] : undefined;
  if (buffer === undefined) throw malformedTag(leaf);
  return ownBytes(buffer);
}

/**
 * Returns the bytes in memory of their own. The bytes of a frame share memory with other values,
 * into which the carrier may still read, but the receiver of a TypedArray may keep it, transfer it,
 * or look at all of its buffer.
 */
function ownBytes(bytes: Uint8Array): Uint8Array {
  const isOwn = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  // Never returns a Buffer, which protobufjs may create and whose methods differ.
  return isOwn ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
}

function arrayOf(
  leaf: TaggedLeaf,
  buffers: readonly Uint8Array[],
): { dtype: DType; shape: number[]; bytes: Uint8Array } {
  const { dtype, shape } = leaf;
  if (!isDType(dtype) || !isShape(shape)) throw malformedTag(leaf);
  const bytes = bufferOf(leaf, buffers);
  if (bytes.byteLength !== byteLengthOf(dtype, shape)) throw malformedTag(leaf);
  return { dtype, shape, bytes };
}
