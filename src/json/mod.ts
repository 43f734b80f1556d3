/**
 * JSON as people write it. {@link findJsonProblem} names the place where a text stops being JSON, in
 * lines and columns, where the platform's parser names an offset or nothing. {@link isRecord} tells an
 * object from everything else that JSON holds.
 *
 * @module
 */
export { isRecord } from "./is_record.ts";
export { findJsonProblem, type JsonProblem, jsonProblemText } from "./json_text.ts";
