/**
 * JSON as people write it. {@link findJsonProblem} finds the line and column at which a text stops
 * being JSON; JSON.parse names an offset at best. {@link parseExact} keeps long whole numbers, and
 * {@link isRecord} tells objects from all other JSON values.
 *
 * @module
 */
export { isRecord } from "./is_record.ts";
export { findJsonProblem, type JsonProblem, jsonProblemText } from "./json_text.ts";
export { parseExact } from "./parse_exact.ts";
