/** The elements of an array, as a TypedArray. */
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

/** The element type of an array, as numpy's `dtype.str`: little-endian, or one byte an element. */
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

/**
 * False where JavaScript has no Float16Array, as in Node 20. The elements of `<f2` are then shown
 * as the bits that they are stored in.
 */
const HAS_FLOAT16 = typeof Float16Array === "function";

interface DTypeLayout {
  /** The size of an element of the array. */
  readonly itemBytes: number;
  readonly view: (buffer: ArrayBufferLike, offset: number, length: number) => ArrayData;
  /** The size of an element of the view. A complex number takes two of them. */
  readonly unitBytes: number;
}

/**
 * The layout of each element type. Complex numbers are pairs (real, imaginary) in a float array;
 * booleans are bytes 0 and 1.
 */
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
  "<f2": layout(
    2,
    2,
    (b, o, n) => HAS_FLOAT16 ? new Float16Array(b, o, n) : new Uint16Array(b, o, n),
  ),
  "<f4": layout(4, 4, (b, o, n) => new Float32Array(b, o, n)),
  "<f8": layout(8, 8, (b, o, n) => new Float64Array(b, o, n)),
  "<c8": layout(8, 4, (b, o, n) => new Float32Array(b, o, n)),
  "<c16": layout(16, 8, (b, o, n) => new Float64Array(b, o, n)),
};

function layout(itemBytes: number, unitBytes: number, view: DTypeLayout["view"]): DTypeLayout {
  return { itemBytes, unitBytes, view };
}

/** Returns true for the name of an element type. */
export function isDType(dtype: unknown): dtype is DType {
  return typeof dtype === "string" && Object.hasOwn(LAYOUTS, dtype);
}

/** Returns true for a list of at most 32 lengths. */
export function isShape(shape: unknown): shape is number[] {
  return Array.isArray(shape) && shape.length <= 32 &&
    shape.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** Returns the size in bytes of an array with this element type and shape. */
export function byteLengthOf(dtype: DType, shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, LAYOUTS[dtype].itemBytes);
}

/**
 * Returns a view of the elements in `bytes`. Copies them only if they are not aligned for it.
 *
 * @param bytes The elements and nothing else, in C order, little-endian.
 */
export function viewElements(dtype: DType, bytes: Uint8Array): ArrayData {
  const { unitBytes, view } = LAYOUTS[dtype];
  const aligned = bytes.byteOffset % unitBytes === 0 ? bytes : new Uint8Array(bytes);
  return view(aligned.buffer, aligned.byteOffset, aligned.byteLength / unitBytes);
}

/** Returns the element type of a TypedArray; undefined for any other view. */
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
  if (HAS_FLOAT16 && data instanceof Float16Array) return "<f2";
  return undefined;
}

/**
 * Returns true if one-dimensional arrays of this type are decoded to a TypedArray, not an
 * {@link NdArray}.
 */
export function hasTypedArray(dtype: DType): boolean {
  return dtype !== "|b1" && dtype !== "<c8" && dtype !== "<c16" && (dtype !== "<f2" || HAS_FLOAT16);
}

/**
 * An array of any rank, like numpy's: an element type, a shape, and the elements in C order.
 *
 * @example
 * ```ts
 * import { NdArray } from "snakeden";
 *
 * const matrix = new NdArray("<f4", [2, 2], new Float32Array([1, 2, 3, 4]));
 * ```
 */
export class NdArray {
  /** The type of the elements. */
  readonly dtype: DType;
  /** The length of each dimension. */
  readonly shape: readonly number[];
  /** The elements in C order. A complex element is a pair: real part, imaginary part. */
  readonly data: ArrayData;

  /**
   * Creates an array over `data`, which is not copied.
   *
   * @throws {RangeError} If the type or the shape is invalid, or `data` does not have their size.
   */
  constructor(dtype: DType, shape: readonly number[], data: ArrayData) {
    if (!isDType(dtype)) {
      throw new RangeError(`Cannot create an array of the unknown dtype ${dtype}`);
    }
    if (!isShape(shape)) {
      throw new RangeError(
        `Cannot create an array of shape [${shape}]: a shape is a list of up to 32 whole numbers`,
      );
    }
    const expected = byteLengthOf(dtype, shape);
    if (expected !== data.byteLength) {
      throw new RangeError(
        `Cannot create an array ${dtype} of shape [${shape.join(", ")}]: ` +
          `it takes ${expected} bytes, but data has ${data.byteLength}`,
      );
    }
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }
}
