/**
 * Values on the link: a JSON tree with tags, and raw buffers beside it. A {@link Value} stays
 * encoded until it is needed. src/values has the parts that do not depend on the link. Twin of
 * `snakeden._values`.
 *
 * @module
 */
export {
  type ArrayData,
  byteLengthOf,
  type DType,
  isDType,
  isShape,
  isUnserializable,
  NdArray,
  type Unserializable,
  type WriteOptions,
} from "../../values/mod.ts";
export { TextValue } from "./text_value.ts";
export { type RawBytes, Value, weightOf } from "./values.ts";
