/**
 * The values that TypeScript and Python exchange, apart from their transport: arrays with a dtype
 * and a shape ({@link NdArray}), the tags for what JSON has no form for ({@link TAG}), and the
 * conversion of any value to a JSON tree with tags and buffers ({@link ValueWriter}). The link and
 * the HTTP client both build on this.
 *
 * @module
 */
export {
  type ArrayData,
  byteLengthOf,
  type DType,
  dtypeOf,
  hasTypedArray,
  isDType,
  isShape,
  NdArray,
  viewElements,
} from "./nd_array.ts";
export { type InputCollector, type InputSource, isInputSource } from "./input_source.ts";
export {
  FILE_KEY,
  isUnserializable,
  malformedTag,
  readTags,
  TAG,
  type TaggedLeaf,
  type TagReader,
  type Unserializable,
} from "./value_tags.ts";
export { DEFAULT_MAX_DEPTH, isPlain, ValueWriter, type WriteOptions } from "./value_writer.ts";
