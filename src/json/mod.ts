/**
 * JSON as people write it. {@link findJsonProblem} names the line and column where a text stops
 * being JSON; the parser of the platform names an offset or nothing. {@link isRecord} tells objects
 * from all other JSON values.
 *
 * @module
 */
export { isRecord } from "./is_record.ts";
export { findJsonProblem, type JsonProblem, jsonProblemText } from "./json_text.ts";
