/**
 * Calls whose body is not JSON: a form with one part for each argument, or the bytes of one
 * argument ({@link uploadOpener}). Their other fields are in the query ({@link readQuery}), and the
 * JSON Schema of the tool says how each part is read ({@link ParameterKinds}).
 *
 * @module
 */
export { readQuery } from "./call_query.ts";
export { type FindTool, type LearnTool, uploadOpener } from "./call_upload.ts";
export { ParameterKinds } from "./parameter_kinds.ts";
export {
  BINARY,
  CALL_PARAMETERS,
  MAX_CHUNK_BYTES,
  RUN_PARAMETERS,
  UPLOADS,
} from "./upload_schema.ts";
