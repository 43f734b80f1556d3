/**
 * Values on the link: a JSON tree with tags, and raw buffers beside it. A {@link Value} stays
 * encoded until it is needed. value_writer.ts encodes values. {@link NdArray} is an array with a
 * dtype and a shape. Twin of `snakeden._values`.
 *
 * @module
 */
export { type ArrayData, byteLengthOf, type DType, isDType, isShape, NdArray } from "./nd_array.ts";
export { TextValue } from "./text_value.ts";
export { isUnserializable, type Unserializable } from "./value_tags.ts";
export type { WriteOptions } from "./value_writer.ts";
export { type RawBytes, Value, weightOf } from "./values.ts";
