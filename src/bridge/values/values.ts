import { messageOf, SnakedenError } from "../../errors.ts";
import type { Value as WireValue, ValueInit } from "../gen/link.js";
import {
  byteLengthOf,
  type DType,
  hasTypedArray,
  isDType,
  isShape,
  NdArray,
  viewElements,
} from "./nd_array.ts";
import { TextValue } from "./text_value.ts";
import { malformedTag, readTags, TAG, type TaggedLeaf, type TagReader } from "./value_tags.ts";
import { DEFAULT_MAX_DEPTH, isPlain, ValueWriter, type WriteOptions } from "./value_writer.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// In V8 since 2023 and in ECMAScript 2026, not yet in TypeScript's library.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** Bytes that a frame adds to a value, so that empty chunks weigh something. Twin of streams.py. */
const WEIGHT_OVERHEAD_BYTES = 64;

/**
 * A value on its way between TypeScript and Python: a JSON tree plus out-of-band buffers. It stays
 * encoded until somebody needs it, so that the HTTP door can pass on what Python wrote without
 * parsing it.
 */
export class Value {
  /** What travels: what came, or what {@link FrameWriter} turns into it. */
  readonly content: WireValue | TextValue;

  constructor(content: ValueInit | TextValue) {
    this.content = content instanceof TextValue ? content : {
      json: content.json ?? NULL_JSON,
      tagged: content.tagged ?? false,
      buffers: (content.buffers ?? []) as Uint8Array[],
      shared: [],
    };
  }

  /** As the generated codecs know it. */
  get wire(): WireValue {
    const { content } = this;
    if (!(content instanceof TextValue)) return content;
    const { text, tagged, buffers, shared } = content;
    return { json: encoder.encode(text), tagged, buffers: [...buffers], shared: [...shared] };
  }

  /**
   * Encodes any value: JSON types, bigint, Date and other objects with toJSON, Map, Set,
   * ArrayBuffer, TypedArrays and {@link NdArray}. Buffers are not copied before they are sent: do
   * not write to them until the call has answered.
   *
   * @throws {SnakedenError} `invalid_value`, naming the place, for functions, symbols and what is
   * nested too deep.
   */
  static from(value: unknown, options: WriteOptions = {}): Value {
    if (isPlain(value, options.maxDepth ?? DEFAULT_MAX_DEPTH)) {
      return new Value(new TextValue(JSON.stringify(value), false, NO_BUFFERS));
    }
    const writer = new ValueWriter(options);
    const tree = writer.write(value);
    return new Value(
      new TextValue(JSON.stringify(tree), true, writer.buffers),
    );
  }

  /**
   * Encodes a tree that came as JSON over HTTP: tags hold their data inline.
   *
   * @throws {SnakedenError} `invalid_value`, naming the place, for a tag that cannot be read.
   */
  static fromJsonTree(tree: unknown, options: WriteOptions = {}): Value {
    return Value.from(tree, { ...options, inlineTags: true });
  }

  /** Bytes the value counts for in the window of a stream. */
  get weight(): number {
    const { content } = this;
    // For a text of our own an estimate is enough: nobody credits it.
    const length = content instanceof TextValue ? content.text.length : content.json.byteLength;
    let bytes = length + WEIGHT_OVERHEAD_BYTES;
    for (const buffer of content.buffers) bytes += buffer.byteLength;
    return bytes;
  }

  /**
   * The value for JavaScript. bytes are Uint8Array; a one-dimensional array is the TypedArray of
   * its type, every other one an {@link NdArray}; integers beyond 2^53 are bigint.
   *
   * @throws {SnakedenError} `invalid_value` for what no worker of this version sends.
   */
  decode(): unknown {
    const { tagged, buffers } = this.content;
    const tree = parse(this.#text());
    return tagged ? readTags(tree, decodeReader(buffers)) : tree;
  }

  /** The value as JSON text for HTTP: big integers as plain digits, buffers inline as base64. */
  jsonText(): string {
    const { tagged, buffers } = this.content;
    const text = this.#text();
    if (!tagged) return text;
    return JSON.stringify(readTags(parse(text, keepSpelling), inlineReader(buffers)));
  }

  #text(): string {
    const { content } = this;
    return content instanceof TextValue ? content.text : decoder.decode(content.json);
  }
}

/**
 * Keeps whole numbers as Python wrote them: JSON.stringify drops the sign of -0, turns 1.0 into an
 * integer, and writes floats from 2^53 on with inexact digits.
 */
function keepSpelling(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return Number.isInteger(value) && source !== undefined && source !== String(value)
    ? rawJSON(source)
    : value;
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

// The third argument of a reviver is in ECMAScript 2026, not yet in TypeScript's library.
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
 * The bytes in memory of their own. What came in a frame lies among other values, perhaps where the
 * carrier still reads, and whoever gets a TypedArray may keep it, transfer it or look at the whole
 * of its buffer.
 */
function ownBytes(bytes: Uint8Array): Uint8Array {
  const isOwn = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  // Never a Buffer, which protobufjs may hand out, and whose methods differ.
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
