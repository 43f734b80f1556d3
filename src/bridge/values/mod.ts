/**
 * Values on the link: a JSON tree with tags, and raw buffers beside it. A {@link Value} stays
 * encoded until it is needed. A {@link ValueList} holds values that are encoded one by one, and a
 * {@link LineList} so many of them that they are written to a file. {@link writeFrame} writes a
 * value as stores keep it, and {@link readFrame} reads it. src/values has the parts that do not
 * depend on the link. Twin of `snakeden._values`.
 *
 * @module
 */
export {
  type ArrayData,
  byteLengthOf,
  type DType,
  FILE_KEY,
  type InputCollector,
  type InputSource,
  isDType,
  isShape,
  isUnserializable,
  NdArray,
  type Unserializable,
  type WriteOptions,
} from "../../values/mod.ts";
export { type FilePlace, findFiles, mayNameFiles, NamedFiles } from "./named_files.ts";
export { ItemList } from "./item_list.ts";
export { LineList, type Lines, MAX_LIST_ITEMS } from "./line_list.ts";
export { TextValue } from "./text_value.ts";
export {
  FRAME_HEAD_BYTES,
  frameBytes,
  type FrameLayout,
  frameLayout,
  type FramePart,
  isLargeFrame,
  LargeFrames,
  readFrame,
  writeFrame,
} from "./value_frame.ts";
export { ValueList } from "./value_list.ts";
export { type HeldFiles, type RawBytes, Value, weightOf } from "./values.ts";
