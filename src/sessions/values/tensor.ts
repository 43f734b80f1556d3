import { type ArrayData, NdArray } from "../../bridge/mod.ts";

/** The most dimensions of an array. */
const MAX_RANK = 32;

/** A value of the types `tensor` and `embedding`. */
export type Tensor = ArrayData | NdArray | Shaped;

/** An array of which only the shape is known. */
export interface Shaped {
  readonly shape: readonly number[];
}

/** Returns the length of each dimension. */
export function shapeOf(tensor: Tensor): readonly number[] {
  return "shape" in tensor ? tensor.shape : [tensor.length];
}

/**
 * Returns the array that a value is: a TypedArray, an {@link NdArray}, or numbers in nested lists
 * of the same lengths, which become an array of floats. Returns undefined for any other value.
 */
export function asTensor(value: unknown): Tensor | undefined {
  if (value instanceof NdArray) return value;
  if (!ArrayBuffer.isView(value)) return Array.isArray(value) ? fromLists(value) : undefined;
  if (value instanceof DataView) return undefined;
  const data = value as ArrayData;
  // As it is, Python would get it as bytes.
  const isBytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  return isBytes ? new NdArray("|u1", [data.length], data) : data;
}

function fromLists(lists: readonly unknown[]): Tensor | undefined {
  const shape: number[] = [];
  for (let node: unknown = lists; Array.isArray(node); node = node[0]) {
    shape.push(node.length);
    if (shape.length > MAX_RANK) return undefined;
  }
  const numbers: number[] = [];
  if (!collect(lists, { shape, numbers })) return undefined;
  const data = Float64Array.from(numbers);
  return shape.length === 1 ? data : new NdArray("<f8", shape, data);
}

/** Adds the numbers of a list, in C order; returns false if its form differs from the shape. */
function collect(
  node: readonly unknown[],
  into: { readonly shape: readonly number[]; readonly numbers: number[] },
  depth = 0,
): boolean {
  const { shape, numbers } = into;
  if (node.length !== shape[depth]) return false;
  const isLast = depth === shape.length - 1;
  return node.every((item) => {
    if (!isLast) return Array.isArray(item) && collect(item, into, depth + 1);
    if (typeof item !== "number") return false;
    numbers.push(item);
    return true;
  });
}
