/**
 * The result of a program: the JSON that it has left ({@link readResult}), which is checked
 * ({@link jsonProblem}) and never parsed as a whole.
 *
 * @module
 */
export { jsonProblem } from "./check_json.ts";
export { readResult } from "./script_result.ts";
