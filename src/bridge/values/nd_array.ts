/** Every TypedArray that can hold the elements of an array. */
export type ArrayData =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float16Array
  | Float32Array
  | Float64Array;

/** numpy's `dtype.str` of the arrays that can travel: little-endian, or one byte a number. */
export type DType =
  | "|b1"
  | "|i1"
  | "|u1"
  | "<i2"
  | "<u2"
  | "<i4"
  | "<u4"
  | "<i8"
  | "<u8"
  | "<f2"
  | "<f4"
  | "<f8"
  | "<c8"
  | "<c16";

interface DTypeLayout {
  /** Bytes of one element of the array. */
  readonly itemBytes: number;
  readonly view: (buffer: ArrayBufferLike, offset: number, length: number) => ArrayData;
  /** Bytes of one element of the view; complex numbers take two. */
  readonly unitBytes: number;
}

/** Complex numbers are pairs (real, imaginary) in a float array; booleans are bytes of 0 and 1. */
const LAYOUTS: Readonly<Record<DType, DTypeLayout>> = {
  "|b1": layout(1, 1, (b, o, n) => new Uint8Array(b, o, n)),
  "|i1": layout(1, 1, (b, o, n) => new Int8Array(b, o, n)),
  "|u1": layout(1, 1, (b, o, n) => new Uint8Array(b, o, n)),
  "<i2": layout(2, 2, (b, o, n) => new Int16Array(b, o, n)),
  "<u2": layout(2, 2, (b, o, n) => new Uint16Array(b, o, n)),
  "<i4": layout(4, 4, (b, o, n) => new Int32Array(b, o, n)),
  "<u4": layout(4, 4, (b, o, n) => new Uint32Array(b, o, n)),
  "<i8": layout(8, 8, (b, o, n) => new BigInt64Array(b, o, n)),
  "<u8": layout(8, 8, (b, o, n) => new BigUint64Array(b, o, n)),
  "<f2": layout(2, 2, (b, o, n) => new Float16Array(b, o, n)),
  "<f4": layout(4, 4, (b, o, n) => new Float32Array(b, o, n)),
  "<f8": layout(8, 8, (b, o, n) => new Float64Array(b, o, n)),
  "<c8": layout(8, 4, (b, o, n) => new Float32Array(b, o, n)),
  "<c16": layout(16, 8, (b, o, n) => new Float64Array(b, o, n)),
};

function layout(itemBytes: number, unitBytes: number, view: DTypeLayout["view"]): DTypeLayout {
  return { itemBytes, unitBytes, view };
}

/** True for the name of an element type that can travel. */
export function isDType(dtype: unknown): dtype is DType {
  return typeof dtype === "string" && Object.hasOwn(LAYOUTS, dtype);
}

/** True for a list of at most 32 lengths. */
export function isShape(shape: unknown): shape is number[] {
  return Array.isArray(shape) && shape.length <= 32 &&
    shape.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** Bytes that an array of this element type and shape takes. */
export function byteLengthOf(dtype: DType, shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, LAYOUTS[dtype].itemBytes);
}

/**
 * A view of the elements that lie in `bytes`; copies only when they are not aligned for the view.
 *
 * @param bytes Exactly the elements, in C order, little-endian.
 */
export function viewElements(dtype: DType, bytes: Uint8Array): ArrayData {
  const { unitBytes, view } = LAYOUTS[dtype];
  const aligned = bytes.byteOffset % unitBytes === 0 ? bytes : new Uint8Array(bytes);
  return view(aligned.buffer, aligned.byteOffset, aligned.byteLength / unitBytes);
}

/** The element type that stands for a TypedArray, or undefined for anything else. */
export function dtypeOf(data: ArrayBufferView): DType | undefined {
  if (data instanceof Float64Array) return "<f8";
  if (data instanceof Float32Array) return "<f4";
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return "|u1";
  if (data instanceof Int8Array) return "|i1";
  if (data instanceof Int16Array) return "<i2";
  if (data instanceof Uint16Array) return "<u2";
  if (data instanceof Int32Array) return "<i4";
  if (data instanceof Uint32Array) return "<u4";
  if (data instanceof BigInt64Array) return "<i8";
  if (data instanceof BigUint64Array) return "<u8";
  if (data instanceof Float16Array) return "<f2";
  return undefined;
}

/** True when a one-dimensional array of this type is given to JavaScript as a bare TypedArray. */
export function hasTypedArray(dtype: DType): boolean {
  return dtype !== "|b1" && dtype !== "<c8" && dtype !== "<c16";
}

/**
 * An array of any rank, as numpy has it: elements in C order with a type and a shape.
 *
 * @example
 * ```ts
 * import { NdArray } from "snakeden";
 *
 * const matrix = new NdArray("<f4", [2, 2], new Float32Array([1, 2, 3, 4]));
 * ```
 */
export class NdArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The elements in C order; for complex types pairs of real and imaginary part. */
  readonly data: ArrayData;

  /**
   * @throws {RangeError} When there is no such type or shape, or `data` is not as long as they say.
   */
  constructor(dtype: DType, shape: readonly number[], data: ArrayData) {
    if (!isDType(dtype)) throw new RangeError(`Cannot make an array of the unknown type ${dtype}`);
    if (!isShape(shape)) {
      throw new RangeError(
        `Cannot make an array of shape [${shape}]: a shape is a list of up to 32 whole numbers`,
      );
    }
    const expected = byteLengthOf(dtype, shape);
    if (expected !== data.byteLength) {
      throw new RangeError(
        `Cannot make an array ${dtype} of shape [${shape.join(", ")}]: ` +
          `it takes ${expected} bytes, data has ${data.byteLength}`,
      );
    }
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }
}
