import { SnakedenError } from "../../errors.ts";
import {
  byteLengthOf,
  DEFAULT_MAX_DEPTH,
  hasTypedArray,
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
} from "../../values/mod.ts";
import { fromBase64, toBase64 } from "./base64.ts";

/**
 * Returns a value as a tree of JSON whose tags contain their data; see "Over HTTP" in
 * docs/values.md. The tree may be the value itself.
 *
 * @param name The name of the value in error texts.
 * @param onInput Throws the error for an input stream, by its path.
 * @throws {SnakedenError} `invalid_value` for a value that cannot be sent; the text names its path.
 */
export function encodeTree(
  value: unknown,
  name: string,
  onInput?: (path: string) => never,
): unknown {
  if (isPlain(value, DEFAULT_MAX_DEPTH)) return value;
  const writer = new ValueWriter({
    name,
    ...(onInput === undefined ? {} : { inputs: () => ({ add: (_, path) => onInput(path) }) }),
  });
  const tree = writer.write(value);
  return readTags(tree, inliner(writer.buffers));
}

/** Returns the bytes of a value that is bytes or an array, not inside another one. */
export function rawOf(value: unknown): RawValue | undefined {
  if (!(value instanceof NdArray || value instanceof ArrayBuffer || ArrayBuffer.isView(value))) {
    return undefined;
  }
  const writer = new ValueWriter({ name: "value" });
  const { dtype, shape } = writer.write(value) as TaggedLeaf;
  const [bytes] = writer.buffers;
  if (bytes === undefined) return undefined;
  return isDType(dtype) && isShape(shape) ? { bytes, dtype, shape } : { bytes };
}

/** The bytes of a value, with the type and the shape of an array. */
export interface RawValue {
  readonly bytes: Uint8Array;
  readonly dtype?: string;
  readonly shape?: readonly number[];
}

function inliner(buffers: readonly Uint8Array[]): TagReader {
  const base64 = ({ buffer }: TaggedLeaf): string =>
    toBase64(buffers[Number(buffer)] ?? new Uint8Array());
  return {
    int: (value) => ({ [TAG]: "int", value }),
    float: (value) => ({ [TAG]: "float", value }),
    bytes: (leaf) => ({ [TAG]: "bytes", base64: base64(leaf) }),
    array: (leaf) => ({
      [TAG]: "array",
      dtype: leaf.dtype,
      shape: leaf.shape,
      base64: base64(leaf),
    }),
    object: (value) => ({ [TAG]: "object", value }),
  };
}

/**
 * Decodes a tree of `parseExactJson`, in place: bytes to a Uint8Array, arrays to a TypedArray or an
 * {@link NdArray}, whole numbers beyond 2^53 to a bigint.
 *
 * @throws {SnakedenError} `invalid_value` for a tag that no host of this version sends.
 */
export function decodeTree(tree: unknown): unknown {
  return readTags(tree, DECODER);
}

const DECODER: TagReader = {
  int: BigInt,
  float: Number,
  bytes: bytesOf,
  array: (leaf) => {
    const { dtype, shape } = leaf;
    if (!isDType(dtype) || !isShape(shape)) throw malformedTag(leaf);
    const bytes = bytesOf(leaf);
    if (bytes.byteLength !== byteLengthOf(dtype, shape)) throw malformedTag(leaf);
    const data = viewElements(dtype, bytes);
    return shape.length === 1 && hasTypedArray(dtype) ? data : new NdArray(dtype, shape, data);
  },
  object: (fields) => fields,
};

function bytesOf(leaf: TaggedLeaf): Uint8Array<ArrayBuffer> {
  if (typeof leaf.base64 !== "string") throw malformedTag(leaf);
  try {
    return fromBase64(leaf.base64);
  } catch (cause) {
    throw new SnakedenError("invalid_value", "Cannot read a value: its base64 is broken", {
      cause,
    });
  }
}
